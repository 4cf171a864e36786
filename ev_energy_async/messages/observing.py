"""Observers of a client: told of each call when it has ended, and of each event of a watch when it is delivered.

`metrics` and `otel` observe; so may a program. Pure values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import attrs

if TYPE_CHECKING:
    from ev_energy_async.messages.request import Request

__all__ = ["CallFinished", "Observer", "Purpose"]

Purpose: TypeAlias = Literal["command", "read", "snapshot", "history"]
"""The purpose of a request, by its priority in the budget: a write, a read, a watch's snapshot, or history."""

_SNAPSHOT: Final = -1


@attrs.frozen
class CallFinished:
    """A call that has ended.

    Attributes:
        request: Its request.
        status: HTTP status of its response; None if there was no complete one.
        error: Name of the class of the error that it ended with; None for a success.
        duration: How long it took, with its waits and attempts, in seconds.
        attempts: How many requests were sent for it.
        budget_remaining: Requests left of the hourly budget.
    """

    request: Request[Any]
    status: int | None
    error: str | None
    duration: float
    attempts: int
    budget_remaining: int

    @property
    def outcome(self) -> str:
        """The status; the name of the error where there is none."""
        return self.error or "" if self.status is None else str(self.status)

    @property
    def purpose(self) -> Purpose:
        """The purpose of its requests."""
        priority = self.request.options.priority
        if priority is None:
            return "read" if self.request.method in {"GET", "HEAD"} else "command"
        if priority == 0:
            return "read"
        return "command" if priority > 0 else "snapshot" if priority == _SNAPSHOT else "history"


class Observer(Protocol):
    """Anything that wants to know what a client does; see `EvEnergy.add_observer`.

    Its methods are called in the event loop of the client and must neither block nor raise.
    """

    def on_call(self, call: CallFinished) -> None:
        """Take note of a call that has ended."""
        ...

    def on_event(self, label: str | None, event: object) -> None:
        """Take note of an event that a watch delivers.

        Args:
            label: The client's label.
            event: One of `ev_energy_async.events`.
        """
        ...
