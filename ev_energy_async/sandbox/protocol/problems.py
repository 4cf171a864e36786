"""Problem documents (RFC 9457): the exception raised for an error, and the reply made of it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.protocol.messages import JsonObject, Reply

TYPES: Final = "https://api.ev.energy/v2/problems/"

FieldErrors = dict[str, list[str]]


class Problem(Exception):
    """A request that cannot be served as it is."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        slug: str | None = None,
        field_errors: FieldErrors | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make a problem of that status; `slug` names its type where the status does not say enough."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.slug = slug
        self.field_errors = field_errors
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        """Return the reply that reports it."""
        body: JsonObject = {"title": self.status.phrase, "status": self.status.value, "detail": self.detail}
        if self.slug is not None:
            body["type"] = f"{TYPES}{self.slug}/"
        if self.field_errors is not None:
            body["field_errors"] = self.field_errors
        return Reply(self.status.value, body, self.headers, "application/problem+json")


def invalid(errors: FieldErrors) -> Problem:
    """Return a 400 that lists the errors of each field."""
    detail = f"The request is not valid: {', '.join(sorted(errors))}."
    return Problem(HTTPStatus.BAD_REQUEST, detail, slug="validation-failed", field_errors=errors)


def not_found(detail: str = "There is no such resource.") -> Problem:
    """Return a 404."""
    return Problem(HTTPStatus.NOT_FOUND, detail)
