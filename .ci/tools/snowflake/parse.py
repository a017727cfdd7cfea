"""Parses statements as the SQL of a warehouse, Snowflake if none is named.

    python parse.py [DIALECT] < statements.json

The input is a JSON array of texts, the output one of faults, "" for a statement that parses. A
statement that is understood by its first word only is a fault too.
"""

import json
import logging
import sys

import sqlglot
from sqlglot import ErrorLevel, exp

logging.getLogger("sqlglot").setLevel(logging.ERROR)
sys.setrecursionlimit(50_000)

DIALECT = sys.argv[1] if len(sys.argv) > 1 else "snowflake"


def fault(sql):
    try:
        trees = sqlglot.parse(sql, read=DIALECT, error_level=ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as e:
        return str(e)
    if len(trees) != 1 or trees[0] is None:
        return f"{len(trees)} statements"
    if isinstance(trees[0], exp.Command) and not sql.startswith("EXECUTE IMMEDIATE"):
        return "the parser knows its first word only"
    return ""


json.dump([fault(sql) for sql in json.load(sys.stdin)], sys.stdout)
