"""Snowflake's SQL as DuckDB's, for the statements that weir makes.

sqlglot does most of it. What it, and fakesnow, leave undone or do in another way than Snowflake's
documentation has it is done here, function by function, so that the stand-in can be asked for values
and not only for syntax.
"""

from functools import lru_cache

import logging

from sqlglot import exp, parse_one

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of each property that DuckDB has not

MIN64 = "9223372036854775808"

# What TYPEOF says of a value, by the types of DuckDB.
KINDS = {
    "DOUBLE": ["DOUBLE", "FLOAT"],
    "INTEGER": ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT"],
    "TIMESTAMP_LTZ": ["TIMESTAMP WITH TIME ZONE"],
    "TIMESTAMP_NTZ": ["TIMESTAMP", "TIMESTAMP_NS"],
}

MACROS = """
CREATE OR REPLACE TEMP MACRO weir_typeof(x) AS CASE
    WHEN x IS NULL THEN NULL
    WHEN typeof(x) LIKE 'DECIMAL%' THEN 'DECIMAL'
    {kinds} ELSE typeof(x) END;
CREATE OR REPLACE TEMP MACRO weir_round(x, s) AS CASE
    {scales} END;
CREATE OR REPLACE TEMP MACRO weir_hash(x) AS CAST(CAST(x AS HUGEINT) - {min} AS BIGINT);
CREATE OR REPLACE TEMP MACRO weir_text(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') AND x = floor(x) AND abs(x) < 1e15
    THEN CAST(TRY_CAST(x AS BIGINT) AS VARCHAR) ELSE CAST(x AS VARCHAR) END;
""".format(
    kinds="\n    ".join(f"WHEN typeof(x) IN ({', '.join(repr(t) for t in ts)}) THEN '{k}'" for k, ts in KINDS.items()),
    # A fraction has no more than 15 digits before it.
    scales="\n    ".join(f"WHEN s = {s} THEN CAST(CAST(x AS DECIMAL(38,{max(s, 0)})) AS DECIMAL(38,9))" for s in range(9, -2, -1)),
    min=MIN64,
)


def call(name, *args):
    return exp.Anonymous(this=name, expressions=list(args))


def upper(node):
    """Names without quotes are in capitals."""
    if isinstance(node, exp.Identifier) and not node.quoted:
        # A lambda's variable is no name of the catalogue.
        if not node.this.startswith("weir_"):
            node.set("this", node.this.upper())
    return node


def types(node):
    """Types that DuckDB has not, or reads in another way."""
    if not isinstance(node, exp.DataType):
        return node
    t = exp.DataType.Type
    if node.this in (t.TIMESTAMPLTZ, t.TIMESTAMPTZ):
        return exp.DataType(this=t.TIMESTAMPTZ)
    if node.this in (t.TIMESTAMPNTZ, t.TIMESTAMP):
        return exp.DataType(this=t.TIMESTAMP)
    if node.this == t.FLOAT:
        return exp.DataType(this=t.DOUBLE)
    if node.this in (t.INT, t.SMALLINT, t.TINYINT):
        return exp.DataType(this=t.BIGINT)
    if node.this == t.DECIMAL and (not node.expressions or [p.name for p in node.expressions] == ["38", "0"]):
        return exp.DataType(this=t.BIGINT if not node.expressions else t.INT128)
    if node.this == t.ARRAY and not node.expressions:
        return exp.DataType(this=t.ARRAY, expressions=[exp.DataType.build("TEXT")], nested=True)
    return node


def functions(node):
    """Functions that need another spelling."""
    if isinstance(node, exp.Typeof) and isinstance(node.this, exp.ToVariant):
        return call("weir_typeof", node.this.this)
    if isinstance(node, exp.Typeof):
        return call("weir_typeof", node.this)
    if isinstance(node, (exp.Cast, exp.TryCast)) and isinstance(node.this, exp.ToVariant):
        x = node.this.this
        if node.to.this in exp.DataType.TEXT_TYPES:
            return call("weir_text", x)
        # A value that is another one's branch of a CASE must not be an error while planning.
        return exp.TryCast(this=exp.cast(x, "TEXT") if node.to.this == exp.DataType.Type.DOUBLE else x, to=node.to)
    if isinstance(node, exp.ToVariant):
        return node.this
    if isinstance(node, exp.Round) and node.args.get("decimals") is not None and not isinstance(node.args["decimals"], exp.Literal):
        return call("weir_round", node.this, node.args["decimals"])
    if isinstance(node, exp.ToNumber) and node.args.get("format") is not None:
        assert set(node.args["format"].name) == {"X"}, "the only format of a number is hexadecimal"
        return exp.cast(exp.DPipe(this=exp.Literal.string("0x"), expression=node.this), "BIGINT")
    if isinstance(node, exp.Anonymous) and node.name.upper() == "HASH":
        return call("weir_hash", call("hash", *node.expressions))
    if isinstance(node, exp.Anonymous) and node.name.upper() == "WEIR_JARO_WINKLER":
        return call("jaro_winkler_similarity", *node.expressions)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "WEIR_LEVENSHTEIN":
        return call("levenshtein", *node.expressions[:2])
    if isinstance(node, exp.GetExtract):
        return call("list_extract", node.this, exp.Literal.number(int(node.expression.name) + 1))
    if isinstance(node, exp.IsNullValue):
        return exp.Is(this=node.this, expression=exp.Null())
    # sqlglot writes their arguments several times over, to mend what weir never asks for: nested, that
    # keeps DuckDB busy for minutes.
    if isinstance(node, exp.Substring):
        return call("substr", *[a for a in (node.this, node.args.get("start"), node.args.get("length")) if a is not None])
    if isinstance(node, exp.Length):
        return call("length", node.this)
    if isinstance(node, exp.SplitPart):
        return call("split_part", node.this, node.args["delimiter"], node.args["part_index"])
    if isinstance(node, exp.ArrayContains):
        return call("list_contains", node.this, node.expression)
    if isinstance(node, exp.ByteLength):
        return call("strlen", node.this)
    if isinstance(node, exp.TimeToStr):  # what stands in quotes is meant as it is
        node.args["format"].set("this", node.args["format"].name.replace('"', ""))
    if isinstance(node, exp.RegexpReplace):
        return call("regexp_replace", node.this, node.expression, node.args.get("replacement") or exp.Literal.string(""), exp.Literal.string("gs"))
    if isinstance(node, exp.RegexpExtract):
        # Without a match there is NULL, not ''. What weir picks from a text is never empty.
        return call("nullif", call("regexp_extract", node.this, node.expression, node.args["group"], exp.Literal.string("s")), exp.Literal.string(""))
    return node


def catalogue(node):
    """The list of tables of a database. DuckDB has one for all of them."""
    if isinstance(node, exp.Table) and node.db.upper() == "INFORMATION_SCHEMA" and node.name.upper() == "TABLES":
        q = parse_one(
            "SELECT table_schema AS TABLE_SCHEMA, table_name AS TABLE_NAME, table_type AS TABLE_TYPE FROM system.information_schema.tables"
            f" WHERE upper(table_catalog) = upper('{node.catalog}') AND NOT starts_with(lower(table_schema), '_fs_')",
            read="duckdb",
        )
        return q.subquery("t")
    return node


FUNCTIONS = (upper, types, catalogue)


def prepare(tree):
    for f in FUNCTIONS:
        tree = tree.transform(f, copy=False)
    # From the leaves to the root, since what is replaced holds what is to be replaced.
    for node in reversed(list(tree.walk(bfs=True))):
        new = functions(node)
        if new is not node:
            if node is tree:
                tree = new
            else:
                node.replace(new)
    return tree


@lru_cache(maxsize=512)
def translate(sql):
    """The kind of a statement, its text for DuckDB, and its tree."""
    tree = parse_one(sql, read="snowflake")
    return type(tree), prepare(tree.copy()).sql(dialect="duckdb"), tree
