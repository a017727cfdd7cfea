"""Runs statements of one value on Apache Spark, whose SQL Databricks' is.

    spark-submit run.py statements.json values.json

The input is a JSON array of texts; the output one of values as texts: NULL, true, 2006-01-02T15:04:05Z for a
date or time, JSON for an array, or "error: " and what was wrong. A statement that gives nothing gives "".
"""

import datetime
import decimal
import json
import os
import sys
import time

from pyspark.sql import SparkSession

os.environ["TZ"] = "UTC"
time.tzset()


def text(v):
    if v is None:
        return "NULL"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, decimal.Decimal):
        t = format(v, "f")
        return t.rstrip("0").rstrip(".") if "." in t else t
    if isinstance(v, datetime.datetime):
        return v.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z"
    if isinstance(v, datetime.date):
        return v.isoformat() + "T00:00:00Z"
    if isinstance(v, list):
        return json.dumps(v, ensure_ascii=False, separators=(",", ":"))
    return str(v)


spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.ansi.enabled", "true")
    .config("spark.sql.shuffle.partitions", "2")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
values = []
for sql in json.load(open(sys.argv[1], encoding="utf-8")):
    try:
        rows = spark.sql(sql).collect()
        values.append(text(rows[0][0]) if rows else "")
    except Exception as e:  # whatever it is, it is the answer
        values.append("error: " + str(e).split("\n")[0])
json.dump(values, open(sys.argv[2], "w", encoding="utf-8"))
