"""Writes vectors.json: data that fastavro encoded, each with the view that Sluice must make of it.

    pip install fastavro==1.13.1 && python vectors.py > vectors.json
"""

import io
import json
from datetime import date, datetime, time, timezone
from decimal import Decimal
from uuid import UUID

import fastavro

UTC = timezone.utc


def annotated(base, logical, **more):
    return {"type": base, "logicalType": logical, **more}


def fixed(size, **more):
    return {"type": "fixed", "name": "F", "size": size, **more}


NODE = {
    "type": "record",
    "name": "org.example.Node",
    "fields": [
        {"name": "label", "type": "string"},
        {"name": "next", "type": ["null", "Node"]},
        {"name": "children", "type": {"type": "array", "items": "Node"}},
    ],
}

# Schema, value, view.
CASES = [
    ("null", None, "null"),
    ("boolean", True, "true"),
    ("boolean", False, "false"),
    ("int", 2147483647, "2147483647"),
    ("int", -2147483648, "-2147483648"),
    ("long", 9223372036854775807, "9223372036854775807"),
    ("long", -9223372036854775808, "-9223372036854775808"),
    ("long", 63, "63"),
    ("long", -65, "-65"),
    ("float", 1.0, "1.0"),
    ("float", 0.10000000149011612, "0.1"),
    ("double", 0.1, "0.1"),
    ("double", 1e300, "1e300"),
    ("double", float("nan"), '"NaN"'),
    ("double", float("-inf"), '"-Infinity"'),
    ("bytes", b"\x00\xff\x10", '"AP8Q"'),
    ("string", 'é"\n😀', '"é\\"\\n😀"'),
    (fixed(4), b"abcd", '"YWJjZA=="'),
    ({"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}, "C", '"C"'),
    ({"type": "array", "items": "long"}, [1, -1, 300], "[1,-1,300]"),
    ({"type": "array", "items": "long"}, [], "[]"),
    ({"type": "map", "values": "string"}, {"k": "v", "": ""}, '{"k":"v","":""}'),
    (["null", "string"], None, "null"),
    (["null", "string"], "x", '"x"'),
    (["null", "string", "long", "boolean"], 7, "7"),
    (["string", "bytes"], b"\x01", '{"bytes":"AQ=="}'),
    (["int", "double", "null"], 2.5, '{"double":2.5}'),
    (["int", "double", "null"], None, "null"),
    (annotated("int", "date"), date(2026, 1, 31), '"2026-01-31"'),
    (annotated("int", "date"), date(1, 1, 1), '"0001-01-01"'),
    (annotated("int", "time-millis"), time(23, 59, 59, 123000), '"23:59:59.123"'),
    (annotated("long", "time-micros"), time(0, 0, 1, 5), '"00:00:01.000005"'),
    (annotated("long", "timestamp-millis"), datetime(2026, 1, 31, 23, 59, 59, 123000, UTC), '"2026-01-31T23:59:59.123Z"'),
    (annotated("long", "timestamp-micros"), datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), '"1969-12-31T23:59:59.999999Z"'),
    (annotated("long", "local-timestamp-millis"), datetime(2000, 2, 29, 12, 0, 0), '"2000-02-29T12:00:00.000"'),
    (annotated("long", "local-timestamp-micros"), datetime(9999, 12, 31, 23, 59, 59, 999999), '"9999-12-31T23:59:59.999999"'),
    (annotated("bytes", "decimal", precision=10, scale=2), Decimal("-12.30"), "-12.30"),
    (annotated("bytes", "decimal", precision=10, scale=2), Decimal("1.28"), "1.28"),
    (annotated("bytes", "decimal", precision=40), Decimal("1234567890123456789012345678901234567890"), "1234567890123456789012345678901234567890"),
    (fixed(8, logicalType="decimal", precision=18, scale=4), Decimal("-0.0001"), "-0.0001"),
    (annotated("string", "uuid"), UUID("01234567-89ab-cdef-0123-456789abcdef"), '"01234567-89ab-cdef-0123-456789abcdef"'),
    (
        NODE,
        {"label": "a", "next": {"label": "b", "next": None, "children": []}, "children": [{"label": "c", "next": None, "children": []}]},
        '{"label":"a","next":{"label":"b","next":null,"children":[]},"children":[{"label":"c","next":null,"children":[]}]}',
    ),
]


def encoded(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue().hex()


vectors = [{"schema": json.dumps(schema), "hex": encoded(schema, value), "view": view} for schema, value, view in CASES]
print("[\n" + ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors) + "\n]")
