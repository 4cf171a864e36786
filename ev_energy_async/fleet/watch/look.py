"""Decisions about one device, from its appearance in a snapshot. Pure.

A snapshot proves nothing about what lies before the log that it shows. So that log is delivered at once, and the device
is *behind* until a read has seen it: then all between is known to be delivered too.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.allotment import COMPLETE_WITHIN
from ev_energy_async.fleet.watch.collection import identity_of
from ev_energy_async.fleet.watch.latest import latest_of
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.fleet.watch.scheduler import deadline_of
from ev_energy_async.fleet.watch.state import DeviceState
from ev_energy_async.instants import ALWAYS, SKEW, instant, instant_of
from ev_energy_async.values import plain

if TYPE_CHECKING:
    from ev_energy_async.devices import DeviceKind
    from ev_energy_async.fleet.watch.state import Meta

__all__ = ["INACTIVE", "Look", "Rules", "Step", "look_at"]

INACTIVE: Final = "INACTIVE"
# So many logs that no read has seen are remembered one by one; beyond that they wait for a read.
_MOST_UNREAD: Final = 500


@attrs.frozen(kw_only=True)
class Rules:
    """The rules of a watch; durations in nanoseconds.

    Attributes:
        status: Whether status logs are delivered.
        errors: Whether error logs are read.
        reads: Whether the history between snapshots is read.
        in_order: Whether logs are held back until a read has proven that nothing lies between.
        since: From when on logs count, as asked for; None for from now on.
        past: How late logs may be stored and are still found.
        stale: After what time without a status log a device looks unwell.
        max_shrink: The share of devices that may be missing from a snapshot at once.
        of: The kind of devices.
    """

    status: bool
    errors: bool
    since: int | None
    past: int
    stale: int
    max_shrink: float
    reads: bool = True
    in_order: bool = False
    of: DeviceKind = DEVICES["vehicles"]

    @cached_property
    def regular(self) -> str:
        """The log that devices write regularly."""
        return self.of.regular.log

    @cached_property
    def logs(self) -> tuple[str, ...]:
        """The logs that are delivered."""
        return (*((self.regular,) if self.status else ()), *(("error",) if self.errors else ()))


@attrs.frozen
class Step:
    """A change to the state of a device, and what is delivered with it.

    Attributes:
        what: `added`, `integration`, `status`, or `quiet` for what nobody needs to hear.
        state: The state from then on.
        at: The instant of a status log.
        text: What tells it from the others of its collection.
        stored: When the API stored it.
        is_late: Whether it was stored late: a read has seen a later one.
        is_out_of_order: Whether a later one was delivered.
    """

    what: str
    state: DeviceState
    at: int = ALWAYS
    text: str = ""
    stored: int | None = None
    is_late: bool = False
    is_out_of_order: bool = False


@attrs.define
class Look:
    """The decisions that follow from a look at a device.

    Attributes:
        steps: The changes, in their order.
        due: By when its history is to be read; None if it need not be.
        is_initial: Whether nothing of a past that counts was read yet.
        per_hour: How many logs it stores in an hour; 0 if unknown.
        is_changed: Whether it shows a log that is new.
        is_ahead: Whether that log is ahead of the API's clock, so that time alone changes what follows from it.
        is_unwell: Whether its error logs are to be read now.
    """

    steps: list[Step] = attrs.field(factory=list[Step])
    due: int | None = None
    is_initial: bool = False
    per_hour: float = 0.0
    is_changed: bool = False
    is_ahead: bool = False
    is_unwell: bool = False


def look_at(
    device: Any,
    state: DeviceState | None,
    meta: Meta,
    rules: Rules,
    *,
    began: int,
    shown_at: int,
    is_first: bool,
    within: float,
    is_in_turn: bool = False,
) -> Look | None:
    """Return what follows from a device as a snapshot shows it; None if nothing does.

    Args:
        device: The device.
        state: What is known of it; None if nothing is.
        meta: What is known of the fleet.
        rules: The rules of the watch.
        began: When the snapshot was begun, by the API's clock.
        shown_at: When the device was shown, which may be an hour later.
        is_first: Whether nothing was known of the fleet before it.
        within: How soon every log is to be delivered, in seconds; 0 for at once.
        is_in_turn: Whether devices are read in turn, however much each has to be read, as where that is too much.
    """
    field = rules.of.regular.newest
    if field is None:
        return _look_at_silent(state, meta, rules, began=began, is_first=is_first, within=within)
    newest = getattr(device, field)
    hint = identity_of(newest)
    integrated = integrated_of(device)
    is_unchanged = (
        state is not None
        and state.hint == hint
        and state.is_here
        and integrated == state.integrated
        and not state.trouble
    )
    at = None if hint is None else instant(hint)
    is_ahead = at is not None and at > shown_at + SKEW
    if is_unchanged and not is_ahead:
        return None
    found = Look(is_ahead=is_ahead)
    was_here = state is not None and state.is_here
    was_seen = state is not None and was_here and not any(what == rules.of.noun for what, _ in state.trouble)
    if state is None or not state.is_here:
        state = _added(integrated, newest, state, meta, rules, hint, began=began, is_first=is_first)
        found.steps.append(Step("added", state))
    elif integrated != state.integrated:
        state = state.but(integrated=integrated, changes=state.changes + 1)
        found.steps.append(Step("integration", state))
        found.is_unwell = rules.errors and integrated == INACTIVE
    before = state
    state = state.without_trouble(rules.of.noun)
    is_other = hint != state.hint
    if is_other or (state.latest is None and hint is not None):
        state = state.but(hint=hint, latest=latest_of(newest) or state.latest)
    # One that comes back may still be behind, and nobody waits for it any more.
    if rules.status and at is not None and (is_other or is_ahead or not was_here):
        proven = meta.snapshot_at if was_seen else ALWAYS
        state = _look_at_log(
            found,
            state,
            newest,
            at,
            rules,
            within,
            proven=proven,
            shown_at=shown_at,
            is_ahead=is_ahead,
            is_in_turn=is_in_turn,
        )
    if state is not before and not (found.steps and found.steps[-1].state is state):
        found.steps.append(Step("quiet", state))
    return found


def _look_at_silent(
    state: DeviceState | None,
    meta: Meta,
    rules: Rules,
    *,
    began: int,
    is_first: bool,
    within: float,
) -> Look | None:
    """Return what follows from a device that shows no newest log: all that it writes has to be read."""
    found = Look()
    if state is None or not state.is_here:
        state = _added("", None, state, meta, rules, None, began=began, is_first=is_first)
        found.steps.append(Step("added", state))
    if rules.status and not state.behind:
        ledger = state.ledger(rules.regular)
        state = state.without_trouble(rules.of.noun).but(behind=max(ledger.read_at, state.since))
        found.steps.append(Step("quiet", state))
        found.per_hour = ledger.per_hour
        found.due = deadline_of(state.behind, within or COMPLETE_WITHIN, found.per_hour) if within else 0
    return found if found.steps else None


def integrated_of(device: Any) -> str:
    """Return the state of the connection of a device; empty if its kind has none."""
    found = getattr(device, "integrated", None)
    # The value of a member of an enum is there once, whereas its text is made anew.
    return str(plain(found)) if found else ""


def _look_at_log(
    found: Look,
    state: DeviceState,
    newest: Any,
    at: int,
    rules: Rules,
    within: float,
    *,
    proven: int,
    shown_at: int,
    is_ahead: bool,
    is_in_turn: bool,
) -> DeviceState:
    """Take a newest log that differs from the one before, and return the state with it."""
    ledger = state.ledger(rules.regular)
    stored = _stored(newest)
    found.is_changed = is_new = ledger.unseen([Seen(at, stored)])[0]
    is_last = ledger.is_beyond(at)
    is_behind = is_last or at > ledger.seen_to if ledger.read_at > ALWAYS else is_new
    can_deliver = (
        not isinstance(newest, str) and not rules.in_order and (ledger.unread < _MOST_UNREAD or not rules.reads)
    )
    if not state.behind and (is_behind or (is_new and not can_deliver)):
        state = state.but(behind=max(ledger.read_at, state.since, proven))
    if is_new and can_deliver:
        direct = ledger.with_direct(at)
        if not rules.reads:
            direct = direct.without_oldest_direct()
        state = state.with_ledger(rules.regular, direct)
        found.steps.append(
            Step(
                "status",
                state,
                at,
                state.hint or "",
                stored,
                is_late=not is_last and bool(ledger.instants) and at < ledger.seen_to,
                is_out_of_order=at < ledger.last,
            )
        )
    if state.behind and rules.reads:
        found.per_hour = ledger.per_hour
        found.is_initial = ledger.read_at == ALWAYS
        is_at_once = not within and not is_ahead
        fills = 0.0 if is_in_turn else found.per_hour
        due = 0 if is_at_once else deadline_of(state.behind, within or COMPLETE_WITHIN, fills)
        # What is ahead of the API's clock cannot be caught up with, and is no reason to read before it is time.
        found.due = None if is_ahead and due > shown_at else due
    return state


def _added(
    integrated: str,
    newest: Any,
    state: DeviceState | None,
    meta: Meta,
    rules: Rules,
    hint: str | None,
    *,
    began: int,
    is_first: bool,
) -> DeviceState:
    """Return what is known of a device that was not there before."""
    if state is not None:
        return state.but(integrated=integrated, is_here=True, changes=state.changes + 1)
    given = rules.since
    if given is not None:
        since, status = given, Ledger.since(given)
    elif not is_first:
        # It was added since the last snapshot, and so were its logs, or they were stored by then.
        since = max(meta.since, meta.snapshot_at - SKEW)
        status = Ledger.since(since, stored=since)
    else:
        since = began
        at = None if hint is None else instant(hint)
        stored = _stored(newest)
        if at is None:
            status = Ledger.since(ALWAYS).with_deep_read(since)
        elif stored is not None and stored >= since:
            # It came while the snapshot was being read, and perhaps not alone.
            status = Ledger.since(since, stored=since)
        else:
            status = Ledger.after(at, since)
    # A newest log that counts as delivered is no news.
    new = DeviceState.new(integrated, hint if status.instants else None, since, kind=rules.of.kind)
    for log in rules.of.watched:
        new = new.with_ledger(log, status if log == rules.regular else Ledger.since(since))
    return new.but(latest=latest_of(newest))


def _stored(newest: Any) -> int | None:
    """Return when the API stored a device's newest status log; None if it does not say."""
    stored = None if isinstance(newest, str) or not newest else getattr(newest, "logged_at", None)
    return instant_of(stored) if stored else None
