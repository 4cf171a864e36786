"""The effects of a fault plan on requests and responses, as data.

`plan.EFFECTS` names them; `wire`, `bodies` and the service carry them out.
"""

from typing import ClassVar, Final

import attrs

_BAD_GATEWAY: Final = 502
_HTTP_ERRORS: Final = range(400, 600)
_REDIRECTS: Final = (301, 302, 303, 307, 308)


_MOST: Final = 10e9
"""The largest number that an effect takes; as seconds, three centuries."""


def check_share(share: float) -> None:
    """Raise ValueError unless the value is a share."""
    if not 0 <= share <= 1:
        raise ValueError(f"share is a number from 0 to 1, not {share}")


def check_number(name: str, value: float, least: float = 0) -> None:
    """Raise ValueError unless an effect can take the number."""
    if not value >= least:
        raise ValueError(f"{name} is a number from {least} up, not {value}")
    if value > _MOST:
        raise ValueError(f"{name} is at most {_MOST:,.0f}, not {value}")


@attrs.frozen
class Effect:
    """A fault. Durations are real seconds where a socket waits, and the sandbox's seconds elsewhere.

    Raises:
        ValueError: a number is negative or not finite, or a share is above 1.
    """

    kind: ClassVar[str] = ""
    """The effect's name in a plan's YAML and in the record."""

    def __attrs_post_init__(self) -> None:
        for option in attrs.fields(type(self)):
            value = getattr(self, option.name)
            if option.name == "share":
                check_share(value)
            elif isinstance(value, int | float):
                check_number(option.name, value)
            if isinstance(value, str) and not value.isprintable():
                raise ValueError(f"{option.name} is text without control characters, not {value!r}")


@attrs.frozen
class Latency(Effect):
    """The response is delayed by `seconds` and up to `jitter_seconds` more, in real time."""

    kind: ClassVar[str] = "latency"
    seconds: float = 0.5
    jitter_seconds: float = 0.0


@attrs.frozen
class Stall(Effect):
    """The request is neither handled nor responded to until the client gives up or `seconds` pass (None: never)."""

    kind: ClassVar[str] = "stall"
    seconds: float | None = None


@attrs.frozen
class Held(Effect):
    """The request is handled; its response is held back until another plan is set."""

    kind: ClassVar[str] = "held"


@attrs.frozen
class Redirected(Effect):
    """A proxy responds with a redirect to `location`, such as a login page. The request is not handled."""

    kind: ClassVar[str] = "redirected"
    location: str = "https://login.example/"
    status: int = 302

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.status not in _REDIRECTS:
            raise ValueError(f"status is a redirect, one of {', '.join(map(str, _REDIRECTS))}, not {self.status}")


@attrs.frozen
class ResetBefore(Effect):
    """The connection is reset before the request is handled."""

    kind: ClassVar[str] = "reset_before"


@attrs.frozen
class ResetAfter(Effect):
    """The request is handled, then the connection is reset: the work is done, the response lost."""

    kind: ClassVar[str] = "reset_after"


@attrs.frozen
class TruncatedJson(Effect):
    """The body is truncated; with `cut_connection` the connection is cut there, else the response ends normally."""

    kind: ClassVar[str] = "truncated_json"
    cut_connection: bool = False


@attrs.frozen
class MalformedJson(Effect):
    """The body is malformed JSON, in one of several ways (a trailing comma, NaN, invalid UTF-8, an empty body)."""

    kind: ClassVar[str] = "malformed_json"


@attrs.frozen
class WrongContentType(Effect):
    """The body is correct, its `Content-Type` is not."""

    kind: ClassVar[str] = "wrong_content_type"
    content_type: str = "text/html; charset=utf-8"


@attrs.frozen
class HtmlError(Effect):
    """A proxy responds with an error page in HTML. The request is neither handled nor counted."""

    kind: ClassVar[str] = "html_error"
    status: int = _BAD_GATEWAY

    def __attrs_post_init__(self) -> None:
        if self.status not in _HTTP_ERRORS:
            raise ValueError(f"status is an HTTP error from 400 to 599, not {self.status}")


@attrs.frozen
class Unavailable(Effect):
    """A 503 as a problem document, with `Retry-After` unless that is None. The request is not handled."""

    kind: ClassVar[str] = "unavailable"
    retry_after_seconds: int | None = 1


@attrs.frozen
class RateLimited(Effect):
    """A 429 with `Retry-After`; `storm_seconds` (of the sandbox) extends it to all matching requests for that long."""

    kind: ClassVar[str] = "rate_limited"
    retry_after_seconds: int = 1
    storm_seconds: float = 0.0


@attrs.frozen
class ExpiredToken(Effect):
    """The token sent with the request expires at once, and stays expired."""

    kind: ClassVar[str] = "expired_token"


@attrs.frozen
class NewEnumValue(Effect):
    """Some enum members have a value that the document does not list."""

    kind: ClassVar[str] = "new_enum_value"
    members: int = 1


@attrs.frozen
class UnknownField(Effect):
    """Some objects have a member that the document does not list."""

    kind: ClassVar[str] = "unknown_field"
    members: int = 1


@attrs.frozen
class NullField(Effect):
    """Some members that are not nullable are null."""

    kind: ClassVar[str] = "null_field"
    members: int = 1


@attrs.frozen
class MissingField(Effect):
    """Some required members are missing."""

    kind: ClassVar[str] = "missing_field"
    members: int = 1


@attrs.frozen
class DuplicatedLogs(Effect):
    """Some logs of a page are repeated."""

    kind: ClassVar[str] = "duplicated_logs"
    logs: int = 1


@attrs.frozen
class LateLogs(Effect):
    """A `share` of all logs, always the same ones, appears in lists only `seconds` (of the sandbox) after its time.

    It is lists alone that are late; `LateUploads` is about the logs themselves.
    """

    kind: ClassVar[str] = "late_logs"
    share: float = 0.2
    seconds: float = 900.0


@attrs.frozen
class SlowDrip(Effect):
    """The body is sent in pieces of `piece_bytes`, with `pause_seconds` of real time before each."""

    kind: ClassVar[str] = "slow_drip"
    piece_bytes: int = 64
    pause_seconds: float = 0.05

    def __attrs_post_init__(self) -> None:
        check_number("piece_bytes", self.piece_bytes, least=1)
        check_number("pause_seconds", self.pause_seconds)


@attrs.frozen
class HugeBody(Effect):
    """The JSON is padded with blanks to `total_bytes`, without a `Content-Length`."""

    kind: ClassVar[str] = "huge_body"
    total_bytes: int = 100_000_000
