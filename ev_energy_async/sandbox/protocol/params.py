"""Reads the parameters of a call as the document declares them; what does not fit is a 400 that names it."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ev_energy_async.sandbox.instants import Instant, parse
from ev_energy_async.sandbox.protocol.document import Document, Operation, Parameter, Schema
from ev_energy_async.sandbox.protocol.forms import FORM_OPERATIONS, MULTIPART, URL_ENCODED, read_form
from ev_energy_async.sandbox.protocol.problems import FieldErrors, Problem, invalid, not_found
from ev_energy_async.sandbox.protocol.schema import Json, mismatches

CURSORS: Final = frozenset({"page_after", "page_before"})
_EXPAND: Final = "expand"
_UNPROCESSABLE: Final = {
    "auth.request_password_reset": "validation-failed",
    "regions.create": "validation-failed-regions",
    "region_groups.create": "validation-failed-regions",
    "region_groups.validate": "validation-failed-regions",
}
"""The operations that reject an invalid body with 422 instead of 400, and the type of that problem."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


class Query:
    """The checked query of one call: typed values by the parameter's name, and all of it as it was sent."""

    __slots__ = ("_values", "raw")

    def __init__(self, values: dict[str, Any], raw: list[tuple[str, str]]) -> None:
        self._values = values
        self.raw = raw

    def text(self, name: str) -> str | None:
        """Return a parameter that is text."""
        value: str | None = self._values.get(name)
        return value

    def instant(self, name: str) -> Instant | None:
        """Return a parameter that is a time."""
        value: str | None = self._values.get(name)
        return None if value is None else parse(value)

    def number(self, name: str, default: int) -> int:
        """Return an integer parameter."""
        value: int = self._values.get(name, default)
        return value

    def figure(self, name: str) -> int | None:
        """Return an integer parameter, or None if it is absent."""
        value: int | None = self._values.get(name)
        return value

    def flag(self, name: str) -> bool | None:
        """Return a parameter that is true or false."""
        value: bool | None = self._values.get(name)
        return value

    def words(self, name: str) -> list[str]:
        """Return a parameter that may be repeated."""
        value: str | list[str] = self._values.get(name, [])
        return [value] if isinstance(value, str) else value


def read_query(document: Document, operation: Operation, query: str) -> Query:
    """Return the query of a call to an operation.

    Cursors are left to the collection, whose cursors may be times although the document declares IDs. Parameters that
    the operation does not know are ignored, `expand` excepted.

    Raises:
        Problem: 400 with a message for each parameter that does not fit.
    """
    raw = parse_qsl(query, keep_blank_values=True)
    parameters = _query_parameters(operation)
    values: dict[str, Any] = {}
    errors: FieldErrors = {}
    for name, written in raw:
        parameter = parameters.get(name)
        if parameter is None:
            if name == _EXPAND:
                errors[name] = ["Nothing can be expanded here."]
        elif parameter.schema.get("type") == "array":
            values.setdefault(name, []).append(written)
        else:
            values[name] = _typed(document, parameter.schema, written)
    for name, parameter in parameters.items():
        if name in values and name not in CURSORS:
            errors |= mismatches(document, parameter.schema, values[name], name)
        elif parameter.required and name not in values:
            errors[name] = ["This parameter is required."]
    if errors:
        raise invalid(errors)
    return Query(values, raw)


def check_path(document: Document, operation: Operation, segments: dict[str, str]) -> None:
    """Check the variable parts of a path.

    Raises:
        Problem: 404 for what can't be an ID of this collection, 400 for what should be a time and is none.
    """
    for name, parameter in operation.placed("path").items():
        if wrong := mismatches(document, parameter.schema, segments[name], name):
            if parameter.schema.get("format") == "date-time":
                raise invalid(wrong)
            if (name, segments[name]) != ("user_id", "me"):
                raise not_found()


def read_body(document: Document, operation: Operation, body: bytes, content_type: str) -> dict[str, Json]:
    """Return the JSON object that a call carries; an empty one where the operation can do without.

    Raises:
        Problem: 400 if it is missing, is not JSON or not an object; 400, or 422 where the document has it so, if it
            does not fit.
    """
    if not body.strip() and not operation.body_required:
        # Not marked as required in the document, and yet nothing can be made of nothing where members are.
        _check_body(document, operation, {})
        return {}
    try:
        value = _plain(document, operation, body, content_type)
    except ValueError as error:
        raise _refused(operation, Problem(HTTPStatus.BAD_REQUEST, f"The body can't be read: {error}")) from error
    if not isinstance(value, dict):
        raise _refused(operation, Problem(HTTPStatus.BAD_REQUEST, "The body should be a JSON object."))
    _check_body(document, operation, value)
    return value


def _plain(document: Document, operation: Operation, body: bytes, content_type: str) -> Json:
    """Return the value that a body is in its media type.

    Raises:
        ValueError: it is none of that type, or another type was expected.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in {"application/json", ""}:
        return read_json(body)
    if operation.name not in FORM_OPERATIONS or media_type not in {URL_ENCODED, MULTIPART}:
        raise ValueError(f"it should be application/json, not {media_type}")
    properties: dict[str, Schema] = document.resolve(operation.body or {}).get("properties", {})
    return {
        name: _typed(document, properties.get(name, {}), text) for name, text in read_form(body, content_type).items()
    }


def read_json(body: bytes) -> Json:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, which NaN and lone surrogates are not, or nested too deeply.
    """
    try:
        value: Json = msgspec.json.decode(body)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def _check_body(document: Document, operation: Operation, value: Json) -> None:
    errors = {} if operation.body is None else mismatches(document, operation.body, value, "")
    if not errors:
        return
    raise _refused(operation, invalid(errors))


def _refused(operation: Operation, problem: Problem) -> Problem:
    if operation.name in _UNPROCESSABLE:
        problem.status, problem.slug = HTTPStatus.UNPROCESSABLE_ENTITY, _UNPROCESSABLE[operation.name]
    return problem


def _typed(document: Document, schema: Schema, written: str) -> Json:
    """Return the text as the schema's type, or as it is where it can't be that; the check then says so."""
    types: list[str] | str = document.resolve(schema).get("type", [])
    kinds = [types] if isinstance(types, str) else types
    if "null" in kinds and written == "null":  # which is how clients of forms write it
        return None
    if "boolean" in kinds:
        return {"true": True, "false": False}.get(written, written)
    if not {"integer", "number"}.isdisjoint(kinds):
        return int(written) if _WHOLE.fullmatch(written) else written
    return written


@cache
def _query_parameters(operation: Operation) -> dict[str, Parameter]:
    return operation.placed("query")
