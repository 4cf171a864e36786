"""What can go wrong on purpose: the effects, the rules that say when, and the plan that holds the rules.

A plan is data; `faults_running` plays it, `faults_reading` reads one from YAML. The same seed and the same sequence of
requests give the same faults.
"""

from dataclasses import dataclass, field, fields
from math import isfinite
from typing import ClassVar

_BAD_GATEWAY = 502
_HTTP_ERRORS = range(400, 600)


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that goes wrong. Durations are real seconds where a socket waits, the sandbox's own elsewhere.

    Raises:
        ValueError: a number is negative or not finite.
    """

    kind: ClassVar[str] = ""
    """What it is called in a plan's YAML and in the record."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if isinstance(value, int | float) and not (isfinite(value) and value >= 0):
                raise ValueError(f"{option.name} is a number from 0 up, not {value}")


@dataclass(frozen=True, slots=True)
class Latency(Effect):
    """The answer takes longer: `seconds`, and up to `jitter_seconds` more. Real seconds."""

    kind: ClassVar[str] = "latency"
    seconds: float = 0.5
    jitter_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stall(Effect):
    """Nothing is handled and nothing answered, until the client gives up or `seconds` are over (None: never)."""

    kind: ClassVar[str] = "stall"
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ResetBefore(Effect):
    """The connection is reset before the request is handled: nothing was done."""

    kind: ClassVar[str] = "reset_before"


@dataclass(frozen=True, slots=True)
class ResetAfter(Effect):
    """The request is handled, then the connection is reset: the work is done, the answer lost."""

    kind: ClassVar[str] = "reset_after"


@dataclass(frozen=True, slots=True)
class TruncatedJson(Effect):
    """Only a part of the body comes: as if that were all, or, with `cut_connection`, with the connection cut there."""

    kind: ClassVar[str] = "truncated_json"
    cut_connection: bool = False


@dataclass(frozen=True, slots=True)
class MalformedJson(Effect):
    """The body is not JSON, in one of several ways (a trailing comma, NaN, bytes that are no UTF-8, nothing at all)."""

    kind: ClassVar[str] = "malformed_json"


@dataclass(frozen=True, slots=True)
class WrongContentType(Effect):
    """The body is as it should be, its `Content-Type` is not."""

    kind: ClassVar[str] = "wrong_content_type"
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HtmlError(Effect):
    """A proxy in front answers with an error page in HTML. Nothing was handled, nothing counted."""

    kind: ClassVar[str] = "html_error"
    status: int = _BAD_GATEWAY

    def __post_init__(self) -> None:
        if self.status not in _HTTP_ERRORS:
            raise ValueError(f"status is an HTTP error from 400 to 599, not {self.status}")


@dataclass(frozen=True, slots=True)
class Unavailable(Effect):
    """A 503 as a problem document, with `Retry-After` unless that is None. Nothing was handled."""

    kind: ClassVar[str] = "unavailable"
    retry_after_seconds: int | None = 1


@dataclass(frozen=True, slots=True)
class RateLimited(Effect):
    """A 429 with `Retry-After`; with `storm_seconds` (of the sandbox) it goes on for so long for all that matches."""

    kind: ClassVar[str] = "rate_limited"
    retry_after_seconds: int = 1
    storm_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ExpiredToken(Effect):
    """The token that was sent counts as expired, now and from now on."""

    kind: ClassVar[str] = "expired_token"


@dataclass(frozen=True, slots=True)
class NewEnumValue(Effect):
    """Some members that have a fixed set of values have one that nobody knows yet."""

    kind: ClassVar[str] = "new_enum_value"
    members: int = 1


@dataclass(frozen=True, slots=True)
class UnknownField(Effect):
    """Some objects have a member that nobody knows yet."""

    kind: ClassVar[str] = "unknown_field"
    members: int = 1


@dataclass(frozen=True, slots=True)
class NullField(Effect):
    """Some members are null although they can't be."""

    kind: ClassVar[str] = "null_field"
    members: int = 1


@dataclass(frozen=True, slots=True)
class MissingField(Effect):
    """Some members are not there although they are required."""

    kind: ClassVar[str] = "missing_field"
    members: int = 1


@dataclass(frozen=True, slots=True)
class DuplicatedLogs(Effect):
    """Some logs of a page are there twice."""

    kind: ClassVar[str] = "duplicated_logs"
    logs: int = 1


@dataclass(frozen=True, slots=True)
class LateLogs(Effect):
    """A `share` of all logs, always the same ones, appears in lists only `seconds` (of the sandbox) after its time."""

    kind: ClassVar[str] = "late_logs"
    share: float = 0.2
    seconds: float = 900.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share is a number from 0 to 1, not {self.share}")
        if not (isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"seconds is a number from 0 up, not {self.seconds}")


@dataclass(frozen=True, slots=True)
class SlowDrip(Effect):
    """The body comes in pieces of `piece_bytes`, with `pause_seconds` (real ones) before each."""

    kind: ClassVar[str] = "slow_drip"
    piece_bytes: int = 64
    pause_seconds: float = 0.05

    def __post_init__(self) -> None:
        if self.piece_bytes < 1:
            raise ValueError(f"piece_bytes is a number from 1 up, not {self.piece_bytes}")
        if not (isfinite(self.pause_seconds) and self.pause_seconds >= 0):
            raise ValueError(f"pause_seconds is a number from 0 up, not {self.pause_seconds}")


@dataclass(frozen=True, slots=True)
class HugeBody(Effect):
    """The JSON goes on with blanks until the body is `total_bytes` long, and no `Content-Length` warns of it."""

    kind: ClassVar[str] = "huge_body"
    total_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class WebhookDuplicated(Effect):
    """A delivery that arrived comes again, `seconds` (of the sandbox) later, with the same `svix-id`."""

    kind: ClassVar[str] = "webhook_duplicated"
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class WebhookDelayed(Effect):
    """A delivery sets out `seconds` (of the sandbox) late, so that later events overtake it."""

    kind: ClassVar[str] = "webhook_delayed"
    seconds: float = 3_600.0


@dataclass(frozen=True, slots=True)
class WebhookLost(Effect):
    """An event is never delivered."""

    kind: ClassVar[str] = "webhook_lost"


EFFECTS: dict[str, type[Effect]] = {
    effect.kind: effect
    for effect in (
        Latency,
        Stall,
        ResetBefore,
        ResetAfter,
        TruncatedJson,
        MalformedJson,
        WrongContentType,
        HtmlError,
        Unavailable,
        RateLimited,
        ExpiredToken,
        NewEnumValue,
        UnknownField,
        NullField,
        MissingField,
        DuplicatedLogs,
        LateLogs,
        SlowDrip,
        HugeBody,
        WebhookDuplicated,
        WebhookDelayed,
        WebhookLost,
    )
}
"""All effects by the name they have in YAML."""

WEBHOOK_EFFECTS = (WebhookDuplicated, WebhookDelayed, WebhookLost)


@dataclass(frozen=True, slots=True)
class Rule:
    """When an effect strikes. A rule that names neither operation nor path is about every operation of the API.

    Example:
        >>> Rule(Unavailable(retry_after_seconds=2), operation="vehicles.*", method="GET", probability=0.1, count=5)

    Raises:
        ValueError: a number is out of range.
    """

    effect: Effect
    operation: str | None = None
    """A glob over the names on the client, such as `vehicles.list_*_logs`; for webhooks over the event types."""
    path: str | None = None
    """A glob over raw paths below the base URL (`/vehicles/*`) or from the root (`/o/token/`); `*` takes in slashes."""
    method: str | None = None
    """The HTTP method; every one if it is None."""
    probability: float = 1.0
    count: int | None = None
    """How often it strikes at most."""
    skip: int = 0
    """How many requests that match it lets through first."""
    from_seconds: float = 0.0
    """From when on, in seconds of the sandbox since the plan came into force."""
    until_seconds: float | None = None
    """Until when; for ever if it is None."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability is a number from 0 to 1, not {self.probability}")
        for name in ("count", "skip", "from_seconds", "until_seconds"):
            value: float | None = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} is a number from 0 up, not {value}")
        if self.path is not None and isinstance(self.effect, WEBHOOK_EFFECTS):
            raise ValueError("a webhook has no path; name its event as operation")


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The rules of a run. All that match a request strike, in their order; the first that answers it is the last.

    Example:
        >>> FaultPlan((Rule(Latency(seconds=0.2)), Rule(ResetAfter(), method="PATCH", probability=0.05)), seed=7)
    """

    rules: tuple[Rule, ...] = field(default=())
    seed: int = 7
