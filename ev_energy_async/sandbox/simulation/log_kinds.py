"""The interface of all logs, and the properties of their collections."""

from typing import Literal, NamedTuple, Protocol

from ev_energy_async.sandbox.instants import Instant


class Log(Protocol):
    """One log. `at` is the timestamp that orders and identifies it, `logged_at` is when it becomes visible."""

    @property
    def at(self) -> Instant:
        """The log's own timestamp."""
        ...

    @property
    def logged_at(self) -> Instant:
        """The moment at which the log was received and stored; never before `at`."""
        ...

    def fields(self) -> dict[str, object]:
        """Return the members of its JSON object, timestamps, URL and the reference to its device aside."""
        ...


class LogKind(NamedTuple):
    """The properties of one collection of logs."""

    owner: Literal["vehicle", "evse"]
    """The member of a log that refers to its device."""
    name: str
    """The collection's path segment."""
    key: Literal["sampled_at", "logged_at"]
    """The timestamp that orders, filters and identifies."""
    tells_logged_at: bool
    """Whether logs report `logged_at` beside another key."""
