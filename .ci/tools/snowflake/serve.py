"""A stand-in for Snowflake: fakesnow's server, which speaks Snowflake's protocol over HTTP and keeps
its databases in DuckDB, with the statements that weir makes translated by translate.py.

    python serve.py PORT

It prints "ready" when it listens, and ends with its standard input.
"""

import gzip
import json
import logging
import os
import re
import sys
import threading
import uuid
import warnings
from base64 import b64encode

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import uvicorn
from sqlglot import exp
from sqlglot.errors import SqlglotError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

import fakesnow.arrow
import fakesnow.rowtype as rowtype
import fakesnow.server as server
from fakesnow.arrow import to_ipc, to_sf
from fakesnow.converter import from_binding
from fakesnow.statement_type import statement_type_id
from snowflake.connector.errors import Error as SnowflakeError

import translate

DML = {exp.Insert: "inserted", exp.Update: "updated", exp.Delete: "deleted"}
QUERIES = (exp.Select, exp.SetOperation)
running = {}  # requestId -> DuckDB connection

# Snowflake has a statement wait for the transaction that changes the same table; DuckDB refuses it. Here
# all that write wait for each other.
turn = threading.Lock()
TURN = 60  # seconds to wait for it
guard = threading.Lock()


class Refused(Exception):
    """What Snowflake would say of a statement: number, SQLSTATE, text."""

    def __init__(self, number, state, text):
        super().__init__(text)
        self.number, self.state, self.text = number, state, text


def refusal(e):
    """Snowflake's error for DuckDB's."""
    text = str(e).split("\nLINE ")[0].strip()
    if m := re.search(r'(?:Table|View) with name ([^!]+?) does not exist', text):
        return Refused(2003, "42S02", f"SQL compilation error:\nObject '{m[1]}' does not exist or not authorized.")
    if m := re.search(r'[Ss]chema (?:with name )?"?([\w.]+)"? (?:does not exist|not found)', text):
        return Refused(2043, "02000", f"SQL compilation error:\nSchema '{m[1]}' does not exist or not authorized.")
    if m := re.search(r'(?:Referenced column|column named|does not have a column (?:with name|named)) "([^"]+)"', text):
        return Refused(904, "42000", f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{m[1]}'")
    if isinstance(e, duckdb.ConstraintException):
        return Refused(100072, "22000", "NULL result in a non-nullable column")
    if isinstance(e, duckdb.InterruptException):
        return Refused(604, "57014", "SQL execution canceled")
    if isinstance(e, (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)):
        return Refused(100038, "22018", text)
    if isinstance(e, (duckdb.ParserException, duckdb.BinderException)):
        return Refused(1003, "42000", "SQL compilation error:\n" + text)
    return Refused(100183, "P0000", text)


def native(t):
    """DuckDB's name of a type of Arrow."""
    if pa.types.is_decimal(t):
        return f"DECIMAL({t.precision},{t.scale})"
    if pa.types.is_list(t) or pa.types.is_struct(t) or pa.types.is_map(t):
        return "LIST"
    if pa.types.is_timestamp(t):
        return "TIMESTAMP WITH TIME ZONE" if t.tz else "TIMESTAMP"
    for name, test in {
        "BOOLEAN": pa.types.is_boolean, "DATE": pa.types.is_date, "DOUBLE": pa.types.is_floating, "BIGINT": pa.types.is_integer,
        "BLOB": pa.types.is_binary, "TIME": pa.types.is_time, '"NULL"': pa.types.is_null,
    }.items():
        if test(t):
            return name
    return "VARCHAR"


rowtype.duckdb_to_sf_type["LIST"] = "array"


def instants(ts):
    """A time as the driver reads it, with what is absent absent."""
    ts = ts.combine_chunks() if isinstance(ts, pa.ChunkedArray) else ts
    absent = pc.is_null(ts)
    micros = pc.fill_null(ts.cast(pa.int64()), 0)
    seconds = pc.divide(pc.subtract(micros, pc.if_else(pc.less(micros, 0), 999_999, 0)), 1_000_000)
    fields = {"epoch": seconds, "fraction": pc.multiply(pc.subtract(micros, pc.multiply(seconds, 1_000_000)), 1000).cast(pa.int32())}
    if ts.type.tz:
        fields["timezone"] = pa.array([1440] * len(ts), pa.int32())
    return pa.StructArray.from_arrays(list(fields.values()), fields=[pa.field(n, a.type, nullable=False) for n, a in fields.items()], mask=absent)


fakesnow.arrow.timestamp_to_sf_struct = instants
logging.getLogger("fakesnow.server").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message="Arrow output on a DB-API")


def described(schema):
    return rowtype.describe_as_rowtype([(f.name, native(f.type), None, None, None, None) for f in schema])


def plain(v):
    """An item of an array, as Snowflake writes it."""
    if v is None or isinstance(v, (bool, int, float, str)):
        return v
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return float(v) if hasattr(v, "as_tuple") else str(v)


def flat(table):
    """Arrays as texts of JSON, and integers of one width."""
    for i, f in enumerate(table.schema):
        column = table.column(i)
        if native(f.type) == "LIST":
            column = pa.chunked_array([pa.array([None if v is None else json.dumps(plain(v), ensure_ascii=False) for v in column.to_pylist()], pa.string())])
        elif pa.types.is_integer(f.type) and f.type != pa.int64():
            column = column.cast(pa.int64())
        elif pa.types.is_floating(f.type) and f.type != pa.float64():
            column = column.cast(pa.float64())
        elif pa.types.is_decimal(f.type) and f.type.scale == 0 and f.type.precision < 38:
            column = column.cast(pa.decimal128(38, 0))
        elif pa.types.is_timestamp(f.type):
            column = column.cast(pa.timestamp("us", f.type.tz))
        else:
            continue
        table = table.set_column(i, f.name, column)
    return table


def own(kind, tree):
    """Statements that are translated here; the others are fakesnow's."""
    if kind in (exp.Create, exp.Drop):
        return tree.kind in ("TABLE", "VIEW")
    return issubclass(kind, QUERIES) or kind in DML


def look(conn):
    """Names without a schema are looked up in the current one, then in PUBLIC."""
    if conn.database and conn._schema:
        path = ",".join(f'"{conn.database}"."{s}"' for s in dict.fromkeys([conn._schema, "PUBLIC"]))
        conn._duck_conn.execute(f"SET search_path = '{path}'")


def bind(connection, tree, bindings):
    """INSERT … VALUES (?, …) with an array for each mark, as one statement."""
    names = [f"c{i}" for i in range(len(bindings))]
    rows = pa.table({n: pa.array(bindings[str(i + 1)]["value"], pa.string()) for i, n in enumerate(names)})
    connection.register("weir_bound", rows)
    try:
        into = translate.prepare(tree.this.copy()).sql(dialect="duckdb")
        return connection.execute(f"INSERT INTO {into} SELECT {', '.join(names)} FROM weir_bound").fetchall()[0][0]
    finally:
        connection.unregister("weir_bound")


def one_by_one(conn, body):
    """Runs a statement after the one before it in its session, which may still be stopping."""
    with guard:
        own = conn.__dict__.setdefault("weir_lock", threading.Lock())
    with own:
        return in_turn(conn, body)


def in_turn(conn, body):
    """Runs a statement, after what another session is writing."""
    try:
        kind = translate.translate(body["sqlText"])[0]
    except SqlglotError:
        kind = None
    if not (kind in DML or kind in (exp.Transaction, exp.Commit, exp.Rollback)):
        return execute(conn, body)
    if not getattr(conn, "weir_turn", False):
        if kind in (exp.Commit, exp.Rollback):
            return execute(conn, body)
        if not turn.acquire(timeout=TURN):
            raise Refused(625, "57014", "Statement was aborted because the number of waiters for this lock exceeds the limit or waited too long")
        conn.weir_turn = True
    try:
        done = False
        out = execute(conn, body)
        done = True
        return out
    finally:
        if kind in DML and getattr(conn, "weir_begun", False):
            pass  # the transaction goes on
        elif kind is exp.Transaction and done:
            conn.weir_begun = True
        else:
            conn.weir_turn = conn.weir_begun = False
            turn.release()


def execute(conn, body):
    """Runs a statement; gives the columns, and the rows as Arrow or as texts."""
    sql, bindings = body["sqlText"], body.get("bindings")
    try:
        kind, duck, tree = translate.translate(sql)
    except SqlglotError as e:
        raise Refused(1003, "42000", "SQL compilation error:\n" + str(e).split("\n")[0]) from None
    connection = conn._duck_conn
    if not getattr(conn, "weir_ready", False):
        connection.execute(translate.MACROS)
        if conn.database:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{conn.database}"."PUBLIC"')
            conn._schema, conn.schema_set = "PUBLIC", True
            look(conn)
        conn.weir_ready = True
    if isinstance(tree, exp.Execute) or sql.lstrip().startswith("EXECUTE IMMEDIATE"):
        # Functions in JavaScript, which are DuckDB's own here.
        return described(pa.schema([("status", pa.string())])), None, [["anonymous block"]]
    if not own(kind, tree):
        cur = conn.cursor()
        cur.execute(sql, binding_params=None, server=True)
        look(conn)
        table = cur._arrow_table
        return described(table.schema), flat(table), None
    try:
        if body.get("describeOnly"):
            if not issubclass(kind, QUERIES):
                return [], None, []
            rows = connection.execute("DESCRIBE " + duck).fetchall()
            shown = [(r[0], "LIST" if r[1].endswith("[]") else known(r[1]), None, None, None, None) for r in rows]
            return rowtype.describe_as_rowtype(shown), None, None
        if bindings:
            n = bind(connection, tree, bindings)
        else:
            connection.execute(duck)
            if issubclass(kind, QUERIES):
                table = connection.to_arrow_table()
                return described(table.schema), flat(table), None
            n = connection.fetchall()[0][0] if kind in DML else 0
    except duckdb.Error as e:
        raise refusal(e) from None
    if kind in DML:
        table = pa.table({f"number of rows {DML[kind]}": pa.array([n], pa.int64())})
        return described(table.schema), None, [[str(n)]]
    return described(pa.schema([("status", pa.string())])), None, [["Statement executed successfully."]]


def known(t):
    """A type as fakesnow knows it."""
    if t.startswith("DECIMAL") or t in rowtype.duckdb_to_sf_type:
        return t
    return {"FLOAT": "DOUBLE", "SMALLINT": "BIGINT", "TINYINT": "BIGINT", "UUID": "VARCHAR"}.get(t, "VARCHAR")


async def query(request):
    try:
        conn = server.to_conn(server.to_token(request))
    except server.ServerError as e:
        return JSONResponse({"data": None, "code": e.code, "message": e.message, "success": False}, status_code=e.status_code)
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    body = json.loads(body)
    number = request.query_params.get("requestId", "")
    running[number] = conn._duck_conn
    try:
        columns, table, rows = await run_in_threadpool(one_by_one, conn, body)
    except Exception as e:  # noqa: BLE001: everything is told to the client, which would repeat a 500
        if isinstance(e, SnowflakeError):
            e = Refused(e.errno, e.sqlstate, e.msg)
        elif isinstance(e, duckdb.Error):
            e = refusal(e)
        elif not isinstance(e, Refused):
            e = Refused(1002, "0A000", f"the stand-in cannot do that: {type(e).__name__}: {e}")
        if os.environ.get("WEIR_STANDIN_DEBUG"):
            print(e.number, e.text, "\n", body["sqlText"], file=sys.stderr, flush=True)
        code = f"{e.number:06d}"
        return JSONResponse({"data": {"errorCode": code, "sqlState": e.state}, "code": code, "message": e.text, "success": False})
    finally:
        running.pop(number, None)
    data = {
        "parameters": [{"name": "TIMEZONE", "value": "UTC"}], "rowtype": columns, "queryId": str(uuid.uuid4()),
        "total": table.num_rows if table is not None else len(rows or []),
        "statementTypeId": statement_type_id(translate.translate(body["sqlText"])[2]),
        "finalDatabaseName": conn.database, "finalSchemaName": conn.schema,
    }
    if table is not None:
        data |= {"queryResultFormat": "arrow", "rowsetBase64": b64encode(to_ipc(to_sf(table, columns))).decode()}
    elif rows is not None:
        data |= {"queryResultFormat": "json", "rowset": rows}
    else:
        data |= {"queryResultFormat": "arrow", "rowsetBase64": ""}
    return JSONResponse({"data": data, "success": True})


async def abort(request):
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    if connection := running.get(json.loads(body).get("requestId")):
        connection.interrupt()
    return JSONResponse({"success": True})


async def nothing(_):
    return JSONResponse({"success": True})


def main():
    sys.setrecursionlimit(50_000)  # statements nest deeply
    threading.stack_size(256 << 20)
    mine = [
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/queries/v1/abort-request", abort, methods=["POST"]),
        Route("/telemetry/send", nothing, methods=["POST"]),
    ]
    theirs = [r for r in server.routes if r.path not in {m.path for m in mine}]
    app = Starlette(routes=mine + theirs)
    config = uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
    listening = uvicorn.Server(config)

    def watch():
        while not listening.started:
            threading.Event().wait(0.02)
        print("ready", flush=True)
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    listening.run()


if __name__ == "__main__":
    main()
