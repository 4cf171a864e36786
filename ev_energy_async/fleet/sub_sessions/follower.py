"""Follows charging sub-sessions: lists them when they are due, and tells what is new of each by what is known of it.

What is known stands in the checkpoint until the sub-session is settled: the facts of its last revision, so that the
next one says what has changed. `looks` decides what is listed, `changes` what counts.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ev_energy_async import api
from ev_energy_async.devices import MOST_WAITS, PAGE_SIZE, is_fatal, is_transient, pages_of
from ev_energy_async.errors import DecodeError, EvEnergyError, NotFound
from ev_energy_async.fleet.events import PollFailed
from ev_energy_async.fleet.sub_sessions.changes import changes_between, facts_of
from ev_energy_async.fleet.sub_sessions.events import (
    SubSessionChanged,
    SubSessionEnded,
    SubSessionRevised,
    SubSessionStarted,
)
from ev_energy_async.fleet.sub_sessions.looks import ENDED, RUNNING, Look, Looks
from ev_energy_async.fleet.sub_sessions.rows import FLEET, Known, Meta, load_rows
from ev_energy_async.fleet.watch.driver import Driver
from ev_energy_async.ids import reference_id
from ev_energy_async.instants import ALWAYS, SECOND, instant_of
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from ev_energy_async.checkpoint import Checkpoint, Owner
    from ev_energy_async.devices import ServerTime
    from ev_energy_async.fleet.owner import TokenOwner
    from ev_energy_async.fleet.sub_sessions.events import SubSessionEvent
    from ev_energy_async.fleet.watch import FleetClient
    from ev_energy_async.messages import BadItem
    from ev_energy_async.models import ChargingSubSession

__all__ = ["Follower"]

# Below calls of the application and the snapshots of a watch.
_PRIORITY: Final = -2
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Follower(Driver["SubSessionEvent"]):
    """Makes events of what it sees of charging sub-sessions.

    Args:
        client: What to ask through.
        owner: The owner of the checkpoint.
        checkpoint: Where progress is kept.
        time: The API's time.
        looks: Which lists are due.
        since: From when on sub-sessions count; None for from now on.
        expand: What is expanded in them.
        filters: Which are listed: those of a vehicle or a charger.
        name: What the keys in the checkpoint begin with.

    Attributes:
        looks: Which lists are due.
        calls: How many requests were answered.
        listed: How many sub-sessions they have shown, each as often as it was shown.
    """

    def __init__(
        self,
        client: FleetClient,
        owner: Owner | TokenOwner,
        checkpoint: Checkpoint,
        time: ServerTime,
        looks: Looks,
        *,
        since: int | None,
        expand: Sequence[str],
        filters: Mapping[str, Any],
        name: str,
    ) -> None:
        super().__init__(client.clock, owner, checkpoint, name=name, what="following charging sub-sessions")
        self._client = client.with_options(priority=_PRIORITY)
        self._time = time
        self._since = since
        self.looks = looks
        self._options: dict[str, Any] = {"expand": list(expand)} if expand else {}
        self._filters = filters
        self._known: dict[str, Known] = {}
        self._meta = Meta()
        self._has_begun = False
        self._look: Look | None = None
        self._unseen: list[str] = []
        self._bad: list[BadItem] = []
        self.calls = self.listed = 0

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to look at; only in an audit."""
        return self.looks.is_over and self._look is None and not self._unseen

    @property
    def meta(self) -> Meta:
        """Its progress."""
        return self._meta

    @property
    def known(self) -> int:
        """The number of sub-sessions that it remembers: those under way, and those that may be revised."""
        return len(self._known)

    async def _restore(self, rows: AsyncIterator[tuple[str, str]]) -> None:
        self._known.clear()
        self._look, self._unseen = None, []
        self.looks.begin_anew()
        self._meta = await load_rows(rows, self._known) or Meta()

    async def _write_ahead(self) -> None:
        if self._has_begun:
            # All that starts or ends after the first look counts.
            await self._journal.write({FLEET: self._meta})
            self._has_begun = False

    # --- Steps

    async def _step(self) -> None:
        wait = self._patience.delay
        if wait <= 0:
            now = self._time.now()
            if self._look is None and not self._unseen:
                self._look = self.looks.next(self._meta.looked, self._begin(now), now)
            if self._look is not None or self._unseen:
                await self._ask()
                return
            wait = (self.looks.next_at(self._meta.looked, self._begin(now)) - now) / SECOND
        await self._sleep(wait)

    def _begin(self, now: int) -> int:
        if self._meta.begin > ALWAYS:
            return self._meta.begin
        return now if self._since is None else self._since

    async def _ask(self) -> None:
        try:
            if self._look is not None:
                await self._page(self._look)
            else:
                await self._lookup(self._unseen[-1])
        except EvEnergyError as error:
            if self._waits_out(error):
                return
            is_garbled = isinstance(error, DecodeError) and self._patience.failures < MOST_WAITS
            if is_fatal(error) or not (is_garbled or is_transient(error)):
                # From its beginning when it is asked for again, for it may have been the cursor that was refused.
                self._look = None
                raise
            self._patience.fail([error])
            return
        self._patience.succeed()
        self._overtaken, self._is_refused = 0, False
        if not self._events and self._given <= self._journal.acknowledged:
            # Nothing is delivered that could be acknowledged, and how far it has got is worth noting.
            await self._journal.acknowledge(self._journal.enter({}))

    async def _page(self, look: Look) -> None:
        self._bad = []
        sessions = api.list_charging_sub_sessions(
            self._client,
            page_size=PAGE_SIZE,
            on_bad_item=self._put_aside,
            **look.filters,
            **self._filters,
            **self._options,
        )
        async with aclosing(pages_of(sessions, look.cursor)) as pages:
            page = await anext(pages)
        self.calls += 1
        look.pages += 1
        self.listed += len(page)
        if look.cursor is None:
            look.began = self._time.read_at(page.response, look.began)
            if self._meta.begin <= ALWAYS:
                self._meta = msgspec.structs.replace(self._meta, begin=self._begin(look.began))
                self._has_begun = True
        for item in self._bad:
            self._fail(item)
        for session in page:
            look.seen.add(session.id)
            self._take(session, looked_at=look.began)
        look.cursor = page.next_cursor
        if page.next_cursor is None:
            self._end_look(look)

    def _end_look(self, look: Look) -> None:
        self._look = None
        self.looks.done(look.name)
        looked = self._meta.looked | dict.fromkeys(self.looks.covered_by(look.name), look.began)
        self._meta = msgspec.structs.replace(self._meta, looked=looked, every=self.looks.every)
        gone: dict[str, msgspec.Struct | None] = {}
        if look.name == RUNNING:
            self.looks.pages, self.looks.budget = look.pages, self._client.budget.allowance
            # They have ended since, or are gone: the next look tells, or a look at each of them.
            running = [each for each, known in self._known.items() if known.end is None]
            self._unseen = [each for each in running if each not in look.seen]
        elif look.name == ENDED:
            self._unseen = [each for each in self._unseen if each not in look.seen]
        if look.name == self.looks.last:
            now = self._time.now()
            settled = [
                each
                for each, known in self._known.items()
                if known.end is not None and self.looks.is_settled(known.end, now)
            ]
            for each in settled:
                del self._known[each]
            gone = dict.fromkeys(settled)
            bad = {each: at for each, at in self._meta.bad.items() if not self.looks.is_settled(at, now)}
            self._meta = msgspec.structs.replace(self._meta, bad=bad)
        self._journal.enter({FLEET: self._meta, **gone})
        if look.name == RUNNING:
            self._look = self.looks.next(self._meta.looked, self._meta.begin, self._time.now())

    async def _lookup(self, session_id: str) -> None:
        try:
            session = await api.get_charging_sub_session(self._client, session_id, **self._options)
        except NotFound:
            self._known.pop(session_id, None)
            self._journal.enter({session_id: None})
        else:
            self._take(session, looked_at=self._time.now())
        self.calls += 1
        self._unseen.remove(session_id)

    def _put_aside(self, item: BadItem) -> object:
        self._bad.append(item)
        return UNSET

    # --- What is new

    def hint(self, session: ChargingSubSession, *, has_ended: bool) -> bool:
        """Take a sub-session from a webhook, which may be late, doubled or out of order; return whether it is news."""
        known = self._known.get(session.id)
        if self._meta.begin <= ALWAYS or (known is not None and (known.end is not None or not has_ended)):
            return False
        last = instant_of(session.end) if session.end else instant_of(session.start)
        is_forgotten = last < self._meta.begin or self.looks.is_settled(last, self._time.now())
        if known is None and (is_forgotten or not self._is_listed(session)):
            # It may be known and forgotten, or of others. If it is neither, the next look shows it.
            return False
        is_news = self._take(session)
        if is_news:
            self.looks.note_webhook()
        self.wake()
        return is_news

    def _is_listed(self, session: ChargingSubSession) -> bool:
        """Return whether a sub-session is surely among those that are listed; whose it is does not stand in it."""
        references = {"vehicle_id": session.vehicle, "evse_id": session.evse}
        found = {name: reference_id(each) if each else None for name, each in references.items()}
        return not self.is_of_one_user and all(found[name] == wanted for name, wanted in self._filters.items())

    def _take(self, session: ChargingSubSession, *, looked_at: int | None = None) -> bool:
        """Deliver what is new of a sub-session, from a look or else from a webhook; return whether anything is."""
        if session.id in self._meta.bad:
            self._meta = msgspec.structs.replace(
                self._meta, bad={each: at for each, at in self._meta.bad.items() if each != session.id}
            )
        facts = facts_of(session)
        end = instant_of(session.end) if session.end else None
        known = self._known.get(session.id)
        if known is None:
            if end is not None and end < self._meta.begin:
                return False
            # Its end is an event of its own.
            started = facts if end is None else {**facts, "end": None}
            self._note_found(instant_of(session.start) if end is None else end, looked_at)
            self._emit(SubSessionStarted, session, 1, None, started, {})
            if end is not None:
                changes = changes_between(started, facts)
                self._emit(SubSessionEnded, session, 2, end, facts, changes)
            return True
        if looked_at is not None and known.end is not None and end is None:
            # A webhook has told of its end while this response was on its way.
            return False
        before: dict[str, Any] = msgspec.json.decode(known.facts)
        changes = changes_between(before, facts)
        if not changes:
            return False
        if known.end is not None:
            event: Callable[..., SubSessionEvent] = SubSessionRevised
        else:
            event = SubSessionChanged if end is None else SubSessionEnded
            if end is not None:
                self._note_found(end, looked_at)
        self._emit(event, session, known.revision + 1, end, facts, changes)
        return True

    def _note_found(self, at: int, looked_at: int | None) -> None:
        if looked_at is not None and at >= self._meta.begin:
            self.looks.note_missed(at, looked_at)

    def _emit(
        self,
        event: Callable[..., SubSessionEvent],
        session: ChargingSubSession,
        revision: int,
        end: int | None,
        facts: dict[str, Any],
        changes: dict[str, Any],
    ) -> None:
        raw = _ENCODER.encode(facts)
        known = self._known[session.id] = Known(revision, end, msgspec.Raw(raw))
        number = self._journal.enter({session.id: known})
        fingerprint = hashlib.blake2b(raw, digest_size=8).hexdigest()
        made = event(
            key=f"{session.id}/{revision}/{fingerprint}",
            session=session,
            changes=changes,
            ack=partial(self._journal.acknowledge, number),
        )
        self._events.append((number, made))

    def _fail(self, item: BadItem) -> None:
        """Report a sub-session that cannot be decoded, once."""
        try:
            found = msgspec.json.decode(item.raw, type=_HasId).id
        except msgspec.MsgspecError:
            found = "unknown"
        if self._look is not None:
            self._look.seen.add(found)
        if found in self._meta.bad:
            return
        self._meta = msgspec.structs.replace(self._meta, bad={**self._meta.bad, found: self._time.now()})
        number = self._journal.enter({FLEET: self._meta})
        failed = PollFailed(
            key=f"{found}/failed",
            device_id=found,
            kind="charging_sub_sessions",
            log_kind="charging_sub_session",
            error=DecodeError(item.reason, item.path),
            ack=partial(self._journal.acknowledge, number),
        )
        self._events.append((number, failed))


class _HasId(msgspec.Struct):
    id: str
