"""The way to what is below `/_sandbox/`, the control endpoint and the console: who may come in, and where to.

Both can read tokens and move time, and a browser on this machine may be shown a page of anybody. So requests come from
this machine, under a name of this machine with the sandbox's own port in `Host` (421 otherwise: DNS rebinding), and
what changes something comes from no other page: `Sec-Fetch-Site` is absent or `same-origin`. `same-site` is another
port of this machine (Fetch Metadata, section 2.4).
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from ev_energy_async.sandbox.clock import ScaledClock, Timekeeper
from ev_energy_async.sandbox.console import UI_PATH, Bucket, Console
from ev_energy_async.sandbox.faults import FaultPlan
from ev_energy_async.sandbox.instants import instant
from ev_energy_async.sandbox.protocol import Problem, Reply, Request
from ev_energy_async.sandbox.server.api import Api, Route
from ev_energy_async.sandbox.server.callers import Callers
from ev_energy_async.sandbox.server.control import CONTROL_PATH, Control, Controlled
from ev_energy_async.sandbox.server.hosts import LOOPBACK, is_loopback, misdirected
from ev_energy_async.sandbox.server.service import Outcome, encoded

_READS: Final = frozenset({"GET", "HEAD"})


class Backstage:
    """A sandbox as the console sees it."""

    def __init__(self, sandbox: Controlled, keeper: Timekeeper, callers: Callers, api: Api) -> None:
        self._sandbox = sandbox
        self._keeper = keeper
        self._callers = callers
        self._api = api
        self.world = sandbox.world
        self.record = sandbox.record
        self.now = sandbox.now
        self.settle = sandbox.settle

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return self._api.base_url

    @property
    def faults(self) -> FaultPlan:
        """The fault plan in force."""
        return self._sandbox.faults

    @faults.setter
    def faults(self, plan: FaultPlan) -> None:
        self._sandbox.faults = plan

    @property
    def buckets(self) -> Sequence[Bucket]:
        """The allowance of each caller, the latest caller first."""
        now = instant(self.now())
        return [
            Bucket(name, window.limit, window.remaining(now), window.retry_after(now))
            for name, window in self._callers.windows()
        ]

    @property
    def clock(self) -> ScaledClock | None:
        """The clock, if it can be paused and has a speed."""
        return self._keeper.clock if isinstance(self._keeper.clock, ScaledClock) else None

    def advance(self, by: float | timedelta) -> None:
        """Move the time forward."""
        self._sandbox.advance(by)


class Gate:
    """Serves what is below `/_sandbox/`."""

    def __init__(
        self, sandbox: Controlled, keeper: Timekeeper, callers: Callers, api: Api, *, control: bool, console: bool
    ) -> None:
        """Make a gate to the control endpoint, the console, or both."""
        self._api = api
        self._control = Control(sandbox) if control else None
        self._console = Console(Backstage(sandbox, keeper, callers, api)) if console else None

    @property
    def console_url(self) -> str | None:
        """The address of the console; None without one."""
        return None if self._console is None else self._api.origin + UI_PATH

    @property
    def control_url(self) -> str | None:
        """The address of the control endpoint; None without one."""
        return None if self._control is None else self._api.origin + CONTROL_PATH

    async def serve(self, request: Request, refusal: Problem | None) -> Outcome | None:
        """Return what to do about a request; None if it is not for anything here."""
        is_ui = request.path.startswith(UI_PATH) or request.path == UI_PATH.removesuffix("/")
        server = self._console if is_ui else self._control
        if server is None or not request.path.startswith(CONTROL_PATH):
            return None
        refusal = refusal or self._refusal(request)
        if refusal is not None:
            return encoded(refusal.reply(), Route())
        if not request.path.startswith(UI_PATH) and is_ui:
            return encoded(Reply(HTTPStatus.PERMANENT_REDIRECT.value, None, {"Location": UI_PATH}), Route())
        outcome = encoded(await server.answer(request), Route())
        if is_ui and self._console is not None:
            outcome.stream = self._console.stream(request)
        return outcome

    def close(self) -> None:
        """End what is streamed to open pages."""
        if self._console is not None:
            self._console.close()

    def _refusal(self, request: Request) -> Problem | None:
        if not is_loopback(request.remote):
            return Problem(HTTPStatus.FORBIDDEN, "This part of the sandbox is for the machine that it runs on.")
        own = urlsplit(self._api.origin).port
        if request.headers.get("Host", "").lower() not in {f"{name}:{own}" for name in LOOPBACK}:
            return misdirected()
        site = request.headers.get("Sec-Fetch-Site")
        if request.method not in _READS and site not in {None, "same-origin"}:
            return Problem(HTTPStatus.FORBIDDEN, "Only the sandbox's own pages, and programs, change something here.")
        return None
