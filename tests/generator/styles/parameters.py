"""Parameters that are no text: numbers, dates, UUIDs, enums of integers, and lists of them, in query and headers."""

from __future__ import annotations

from typing import Any

from tests.generator.small import document, item, operation, ref
from tests.generator.styles.kit import Refused, Style

TEXT = {"type": "string"}
DATE, TIME, UUID_, DECIMAL = ({**TEXT, "format": f} for f in ("date", "date-time", "uuid", "decimal"))
ONE = "UUID('01234567-89ab-cdef-0123-456789abcdef')"
ONE_TEXT = "01234567-89ab-cdef-0123-456789abcdef"


def asks(path: str, schema: Any, where: str = "query", name: str = "p") -> dict[str, Any]:
    return {path: item(get=operation(parameters=[{"in": where, "name": name, "schema": schema}]))}


def many(schema: Any) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def sent(path: str, schema: Any, value: str, text: str, hint: str | None = None, **rest: Any) -> Style:
    group = path.strip("/")
    return Style(
        paths=asks(path, schema),
        call=f"ev.{group}.get(p={value})",
        signature=hint and f"(*, p: '{hint} | UnsetType' = UNSET) -> 'None'",
        sends=f"GET {path}?{text}",
        returns="None",
        **rest,
    )


def refused(path: str, schema: Any, value: str, told: str, where: str = "query") -> Style:
    name = "p" if where == "query" else "X-P"
    argument = "p" if where == "query" else "x_p"
    return Style(
        paths=asks(path, schema, where, name),
        call=f"ev.{path.strip('/')}.get({argument}={value})",
        raises=f"InvalidArgument: {argument}: expected {told}",
    )


def header(path: str, schema: Any, value: str, text: str) -> Style:
    return Style(
        paths=asks(path, schema, "header", "X-P"),
        call=f"ev.{path.strip('/')}.get(x_p={value})",
        sends=f"GET {path} X-P: {text};",
        returns="None",
    )


PARAMETERS = {
    "integers": sent("/p_integers", many({"type": "integer"}), "[1, 2]", "p=1&p=2", "Sequence[int]"),
    "numbers": sent("/p_numbers", many({"type": "number"}), "[1, 2.5]", "p=1&p=2.5", "Sequence[float]"),
    "booleans": sent("/p_booleans", many({"type": "boolean"}), "[True, False]", "p=true&p=false", "Sequence[bool]"),
    "dates": sent("/p_dates", many(DATE), "[dt.date(2026, 3, 1)]", "p=2026-03-01", "Sequence[dt.date]"),
    "times": sent(
        "/p_times",
        many(TIME),
        "[dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)]",
        "p=2026-03-01T00%3A00%3A00Z",
        "Sequence[dt.datetime]",
    ),
    "UUIDs": sent("/p_uuids", many(UUID_), f"[{ONE}, '{ONE_TEXT}']", f"p={ONE_TEXT}&p={ONE_TEXT}", "Sequence[UUID]"),
    "decimals": sent("/p_decimals", many(DECIMAL), "[Decimal('1.50'), 2]", "p=1.50&p=2", "Sequence[Decimal]"),
    "a UUID": sent("/p_uid", UUID_, ONE, f"p={ONE_TEXT}", "UUID"),
    "a decimal": sent("/p_number_text", DECIMAL, "Decimal('1E+2')", "p=100", "Decimal"),
    "an enum of integers": sent("/p_grade", {"enum": [1, 2]}, "2", "p=2", "Literal[1, 2]"),
    "enums of integers": sent("/p_levels", many({"enum": [1, 2]}), "[2, 1]", "p=2&p=1", "Sequence[Literal[1, 2]]"),
    "an enum of integers that has a name": sent(
        "/p_named",
        ref("PNamedLevel"),
        "m.PNamedLevel.VALUE_2",
        "p=2",
        "m.PNamedLevel | int",
        schemas={"PNamedLevel": {"type": "integer", "enum": [1, 2]}},
    ),
    "an enum of text that has a name": sent(
        "/p_called",
        ref("PCalled"),
        "'B'",
        "p=B",
        "m.PCalled | str",
        schemas={"PCalled": {"enum": ["A", "B"]}},
    ),
    "an integer that is none": refused("/p_bad_integers", many({"type": "integer"}), "[1, 'x']", "an integer, got 'x'"),
    "an integer that is too small": refused(
        "/p_small", many({"type": "integer", "minimum": 1}), "[0]", "an integer of at least 1, got 0"
    ),
    "text in place of a list": refused("/p_text", many({"type": "integer"}), "'12'", "a list of integers, got '12'"),
    "a UUID that is none": refused("/p_bad_uuid", UUID_, "'x'", "a UUID, got 'x'"),
    "a decimal from a float": refused("/p_bad_decimal", DECIMAL, "0.1", "a decimal number, got 0.1"),
    "a decimal that is none": refused("/p_nan", DECIMAL, "Decimal('NaN')", "a decimal number, got Decimal('NaN')"),
    "an integer that no enum lists": refused("/p_unlisted", {"enum": [1, 2]}, "3", "one of 1, 2, got 3"),
    "true in place of one": refused("/p_true", {"enum": [1, 2]}, "True", "one of 1, 2, got True"),
    "a time in a header": header(
        "/p_h_time", TIME, "dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)", "2026-03-01T00:00:00Z"
    ),
    "a list in a header": header("/p_h_list", many({"type": "integer"}), "[1, 2]", "1,2"),
    "an empty list in a header": Style(
        paths=asks("/p_h_none", many(TEXT), "header", "X-P"),
        call="ev.p_h_none.get(x_p=[])",
        sends="GET /p_h_none",
        returns="None",
    ),
    "a comma in a list in a header": refused(
        "/p_h_comma",
        many(TEXT),
        "['a,b']",
        "items without commas, which separate them in a header, got ['a,b']",
        "header",
    ),
}


def _one(schema: Any, where: str = "query", path: str = "/a", **rest: Any) -> dict[str, Any]:
    parameter = {"in": where, "name": "p", "schema": schema, "required": where == "path", **rest}
    return document({path: item(get=operation(parameters=[parameter]))})


PARAMETERS_REFUSED = {
    "a cookie": Refused(document=_one(TEXT, "cookie"), told=r"GET /a \? p: cookie parameters cannot be sent"),
    "deepObject": Refused(
        document=_one({"type": "object", "properties": {"a": TEXT}}, style="deepObject", explode=True),
        told="GET /a . p: style 'deepObject', explode true: cannot be sent",
    ),
    "a comma-joined list": Refused(
        document=_one(many(TEXT), explode=False), told="GET /a . p: style 'form', explode false: cannot be sent"
    ),
    "a pipe-joined list": Refused(
        document=_one(many(TEXT), style="pipeDelimited", explode=False),
        told="GET /a . p: style 'pipeDelimited', explode false: cannot be sent",
    ),
    "a list in the path": Refused(
        document=_one(many(TEXT), "path", "/a/{p}"),
        told="GET /a/{p} . p: style 'simple', explode false: cannot be sent",
    ),
    "a list of lists": Refused(
        document=_one(many(many(TEXT))), told="GET /a . p: only text, numbers and lists of them"
    ),
    "one of two types": Refused(
        document=_one({"oneOf": [TEXT, {"type": "integer"}]}), told="GET /a . p: only text, numbers and lists of them"
    ),
}
