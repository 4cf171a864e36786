"""The charging sessions and sub-sessions of the fleet, read off the lives of its cars. Nothing of them is stored.

An ID holds which plug-in it names, so a session is found without an index, however large the fleet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from ev_energy_async.ids import CROCKFORD
from ev_energy_async.sandbox.instants import DAY, Instant
from ev_energy_async.sandbox.simulation import (
    Episode,
    Recent,
    Span,
    broken_off,
    delivered,
    episodes,
    mix,
    silent,
    spans,
)
from ev_energy_async.sandbox.world.entities import ulid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ev_energy_async.sandbox.world.entities import Plug, User

SESSION: Final = "cses"
SUB_SESSION: Final = "csub"
SCHEDULE_PLAN: Final = "scpl"

_DIGITS: Final = {character: value for value, character in enumerate(CROCKFORD)}
_TAKEN_APART: Final = 48  # bits of an ID's random part that say which plug-in it is
_AT_ONCE: Final = 100  # plugs looked at in one step
_BUCKETS: Final = 80  # days of the fleet's plug-ins kept computed, of sessions and of sub-sessions


@attrs.frozen
class Session:
    """One plug-in at one plug, as reported by a device."""

    id: str
    plug: Plug
    episode: Episode
    end: Instant
    """Its end, which may lie in the future."""
    start_reason: str
    finish_reason: str | None

    @property
    def start(self) -> Instant:
        """The moment at which the car was plugged in."""
        return self.episode.start

    @property
    def user(self) -> User:
        """The owner of the car or charger."""
        return self.plug.user


@attrs.frozen
class SubSession:
    """A stretch of a session in one mode."""

    id: str
    session: Session
    span: Span

    def delivered(self, now: Instant) -> int:
        """Return the Wh delivered to the battery in it by a moment."""
        stages = self.session.episode.stages
        return delivered(stages, min(now, self.span.end)) - delivered(stages, self.span.start)


class Beginning(NamedTuple):
    """A plug-in event, with the ID that names it."""

    id: str
    plug: int
    day: int
    number: int
    start: Instant
    end: Instant
    """The moment at which the car is unplugged; the session may end sooner."""


@attrs.define(eq=False)
class _Bucket:
    """The plug-ins of one day."""

    beginnings: list[Beginning] = attrs.field(factory=list[Beginning])
    added: list[Beginning] = attrs.field(factory=list[Beginning])
    """Those found since the last sort."""
    known: int = 0
    """The number of plugs examined so far."""
    stale: set[int] = attrs.field(factory=set[int])
    """The numbers of those of them that were changed since."""


class SessionBook:
    """Finds and lists sessions."""

    def __init__(self, seed: int, origin: Instant, plugs: Sequence[Plug]) -> None:
        """Make a book over plugs, which may grow in number; what began before `origin` is not in it."""
        self._seed = seed
        self._origin = origin
        self._plugs = plugs
        self._buckets: Recent[tuple[int, bool], _Bucket] = Recent(_BUCKETS)
        self.switched: set[int] = set()
        """The numbers of the plugs whose mode was ever changed while a car was plugged in."""

    def session(self, id_: str, now: Instant) -> Session | None:
        """Return the session of that ID, if it has begun."""
        parts = self._take_apart(id_, SESSION)
        return None if parts is None else self._session(*parts[:3], now, id_)

    def sub_session(self, id_: str, now: Instant) -> SubSession | None:
        """Return the sub-session of that ID, if it has begun."""
        parts = self._take_apart(id_, SUB_SESSION)
        if parts is None:
            return None
        session = self._session(*parts[:3], now, None)
        if session is None:
            return None
        return next((sub for sub in self.sub_sessions(session, now) if sub.id == id_), None)

    def sub_sessions(self, session: Session, now: Instant) -> list[SubSession]:
        """Return a session's sub-sessions that have begun, oldest first."""
        return [
            SubSession(self._id(SUB_SESSION, span.start, session, span.number + 1), session, span)
            for span in spans(
                session.plug.life, session.episode, session.end, session.start_reason, session.finish_reason
            )
            if span.start <= now
        ]

    def plan_id(self, sub: SubSession) -> str:
        """Return the ID of the schedule plan of a sub-session."""
        return self._id(SCHEDULE_PLAN, sub.span.start, sub.session, sub.span.number + 1)

    def of_plug(self, plug: Plug, since: Instant, until: Instant, now: Instant) -> Iterator[Session]:
        """Yield a plug's sessions that began from `since` to before `until`, oldest first."""
        life = plug.life
        for day in range(max(life.day_of(since), life.first_day), life.day_of(min(until, now + 1)) + 1):
            for episode in episodes(life, day):
                if since <= episode.start < until and (session := self._told(plug, episode, now)):
                    yield session

    def on_days(self, plug: Plug, first: Instant, last: Instant, now: Instant) -> Iterator[Session]:
        """Yield a plug's sessions on the days of its car's life from one moment's to another's, oldest first."""
        life = plug.life
        for day in range(max(life.day_of(first), life.first_day), life.day_of(last) + 1):
            for episode in episodes(life, day):
                if session := self._told(plug, episode, now):
                    yield session

    def beginnings(self, day: int, *, subs: bool) -> list[Beginning]:
        """Return the fleet's plug-ins on a day since 1970, by the ID of the session or of its first sub-session.

        The first time it costs a look at every plug; later only at those that were changed or are new.
        """
        for _ in self.ahead(day, subs=subs):
            pass
        bucket = self._buckets.get((day, subs), _Bucket)
        if bucket.added or bucket.stale:
            kept = [each for each in (*bucket.beginnings, *bucket.added) if each.plug not in bucket.stale]
            found = [each for number in bucket.stale for each in self._of_day(self._plugs[number], day, subs=subs)]
            bucket.beginnings, bucket.added = sorted([*kept, *found]), []
            bucket.stale.clear()
        return bucket.beginnings

    def ahead(self, day: int, *, subs: bool) -> Iterator[None]:
        """Compute what `beginnings` needs, a hundred plugs a step; for a large fleet that takes seconds."""
        bucket = self._buckets.get((day, subs), _Bucket)
        while bucket.known < len(self._plugs):
            until = min(bucket.known + _AT_ONCE, len(self._plugs))
            for plug in self._plugs[bucket.known : until]:
                bucket.added += self._of_day(plug, day, subs=subs)
            bucket.known = until
            yield

    def changed(self, plug: Plug | None) -> None:
        """Say that the course of the car at a plug is another one."""
        if plug is not None:
            for bucket in self._buckets.kept():
                if plug.number < bucket.known:
                    bucket.stale.add(plug.number)

    def begun(self, beginning: Beginning, now: Instant) -> Session | None:
        """Return the session of a plug-in, if it has begun and a device reported it."""
        return self._session(beginning.plug, beginning.day, beginning.number, now, None)

    @property
    def plugs(self) -> Sequence[Plug]:
        """All plugs, in the order of their numbers."""
        return self._plugs

    @property
    def origin(self) -> Instant:
        """The earliest start of a session in the book."""
        return self._origin

    def _of_day(self, plug: Plug, day: int, *, subs: bool) -> Iterator[Beginning]:
        prefix, sub = (SUB_SESSION, 1) if subs else (SESSION, 0)
        start, end, life = max(day * DAY, self._origin), (day + 1) * DAY, plug.life
        for life_day in range(max(life.day_of(start), life.first_day), life.day_of(end - 1) + 1):
            for episode in episodes(life, life_day):
                if start <= episode.start < end:
                    id_ = self._id_of(prefix, episode.start, plug.number, episode.number, sub)
                    yield Beginning(id_, plug.number, life_day, episode.number, episode.start, episode.end)

    def _session(self, plug: int, day: int, number: int, now: Instant, id_: str | None) -> Session | None:
        life = self._plugs[plug].life
        if day < life.first_day or life.starts(day) > now:
            return None
        episode = next((episode for episode in episodes(life, day) if episode.number == number), None)
        if episode is None:
            return None
        session = self._told(self._plugs[plug], episode, now)
        return session if session is not None and id_ in {None, session.id} else None

    def _told(self, plug: Plug, episode: Episode, now: Instant) -> Session | None:
        """Return the session of an episode, if a device reported it."""
        if not self._origin <= episode.start <= now:
            return None
        end: Instant = episode.end
        finish: str | None = None
        told = plug.vehicle is not None and plug.vehicle.reporter.hears(episode.start)
        if plug.vehicle is not None and told:
            broken = broken_off(plug.vehicle.reporter.connection.silences, episode.start, end)
            if broken is not None:
                end, finish = broken, "INVALIDATE_ACCOUNT"
        by_charger = (
            plug.evse is not None and episode.at_home and not silent(plug.evse.reporter.charger.silences, episode.start)
        )
        if not told and not by_charger:
            return None
        if finish is None and by_charger:
            finish = "EVSE_DISCONNECT"
        id_ = self._id_of(SESSION, episode.start, plug.number, episode.number, 0)
        return Session(id_, plug, episode, end, "EVSE_CONNECT" if by_charger else "VEHICLE_LOG_CONNECT", finish)

    def _id(self, prefix: str, at: Instant, session: Session, sub: int) -> str:
        return self._id_of(prefix, at, session.plug.number, session.episode.number, sub)

    def _id_of(self, prefix: str, at: Instant, plug: int, number: int, sub: int) -> str:
        moment = at // 1_000
        check = mix(self._seed, moment, plug, number, sub) & 0xFFFFFFFF
        which = (plug << 16 | number << 8 | sub) ^ self._mask(moment, check)
        return prefix + ulid(at, which << 32 | check)

    def _take_apart(self, id_: str, prefix: str) -> tuple[int, int, int, int] | None:
        """Return the plug, day, number and sub-number that an ID encodes."""
        if not id_.startswith(prefix) or len(id_) != len(prefix) + 26:
            return None
        value = 0
        for character in id_[len(prefix) :]:
            if character not in _DIGITS:
                return None
            value = value << 5 | _DIGITS[character]
        moment, check = value >> 80, value & 0xFFFFFFFF
        which = (value >> 32 & (1 << _TAKEN_APART) - 1) ^ self._mask(moment, check)
        plug, number, sub = which >> 16, which >> 8 & 0xFF, which & 0xFF
        if plug >= len(self._plugs) or check != mix(self._seed, moment, plug, number, sub) & 0xFFFFFFFF:
            return None
        return plug, self._plugs[plug].life.day_of(moment * 1_000 + 999), number, sub

    def _mask(self, moment: int, check: int) -> int:
        return mix(self._seed, moment, check) & ((1 << _TAKEN_APART) - 1)
