"""Watch the whole suite for secrets and personal data in logs, errors and texts.

Nothing has to be planted: the secrets of a test are learned from the wire. Tokens and secrets come from credentials,
headers, forms and responses; e-mail addresses, postal addresses and coordinates from bodies and queries, of a test or
of the sandbox. Everything that the package logs (at DEBUG, whatever the level), its errors with their causes, and the
texts of clients, requests, responses, tokens and credentials are kept during a test and searched at its end.
`conftest` switches it on.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, quote_plus

import pytest

from ev_energy_async import auth, checkpoint, client, errors, webhooks
from ev_energy_async.auth import stores as token_store
from ev_energy_async.devices import sessions
from ev_energy_async.http import transport
from ev_energy_async.masking import Secret
from ev_energy_async.messages import credentials_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from ev_energy_async import EvEnergyError
    from ev_energy_async.messages.request import Request

__all__ = ["Leak", "Watch", "no_leak", "watching", "watching_all"]

_SHORTEST: Final = 8
"""Characters. Shorter secrets, such as the token `t` of some tests, are part of any sentence."""
_LONGEST: Final = 64 * 1024
"""Bytes of a body, and characters of a text, that are searched."""
_MOST: Final = 2_000
"""Secrets that are searched for after one test."""
_PERSONAL: Final = "email|address_1|address_2|postal_code|latitude|longitude"
_SECRET: Final = "access_token|refresh_token|client_secret|code_verifier|code"
_IN_JSON: Final = re.compile(rf'"(?:{_PERSONAL}|{_SECRET})"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+\.\d{{4,}}))'.encode())
_IN_FORMS: Final = frozenset(f"{_PERSONAL}|{_SECRET}|contains|coordinates".split("|"))
_ATTRIBUTES: Final = ("access_token", "refresh_token", "client_secret", "code", "_token", "token")
_HOLDERS: Final[tuple[type, ...]] = (
    auth.AuthorizationCode,
    auth.ClientCredentials,
    auth.RefreshToken,
    auth.StaticToken,
    auth.Token,
    webhooks.WebhookVerifier,
)
# Modules with errors of their own, which must be loaded before the tree of errors is walked.
_MODULES: Final = (checkpoint, sessions, token_store)


class Leak(AssertionError):
    """A secret was logged, raised or shown."""


@functools.lru_cache(maxsize=10_000)
def spellings(secret: str) -> frozenset[str]:
    """Return a text as it is written in URLs, JSON and headers."""
    return frozenset({secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]})


class Watch:
    """The secrets of one test, and the texts shown in it.

    Attributes:
        foreign_too: Whether what led to an error counts if it is no error of the package's; a test that puts words into
            the mouth of another library says no.
    """

    def __init__(self) -> None:
        self.foreign_too = True
        self.clients: set[int] = set()
        self.secrets: dict[str, None] = {}
        self.kept: dict[str, str] = {}
        self.raised: list[weakref.ref[EvEnergyError]] = []

    def learn(self, *values: object) -> None:
        for value in values:
            if isinstance(value, str) and len(value) >= _SHORTEST and len(self.secrets) < _MOST:
                self.secrets[value] = None

    def learn_from(self, body: object) -> None:
        """Learn the secrets in a body: a form or JSON."""
        if not isinstance(body, bytes):
            return
        start = body[:_LONGEST]
        for text, number in _IN_JSON.findall(start):
            self.learn(json.loads(b'"%b"' % text) if text else number.decode())
        if b"{" not in start:
            self.learn(*(value for name, value in parse_qsl(start.decode(errors="replace")) if name in _IN_FORMS))

    def learn_from_request(self, request: Request[Any], authorization: Secret[str] | None) -> None:
        """Learn the secrets of a request: in its token, form or body, and query."""
        if authorization is not None:
            self.learn(*(secret.reveal() for secret in credentials_in(authorization)))
        self.learn(*(text for name, text in parse_qsl(request.query) if name in _IN_FORMS))
        self.learn_from(request.body)

    def keep(self, where: str, *texts: str) -> None:
        for text in texts:
            self.kept.setdefault(text[:_LONGEST], where)

    def keep_error(self, error: BaseException) -> None:
        """Keep everything that an error shows, and its causes."""
        seen: set[int] = set()
        shown: BaseException | None = error
        while shown is not None and id(shown) not in seen:
            seen.add(id(shown))
            if self.foreign_too or isinstance(shown, errors.EvEnergyError):
                self.keep(f"shown by {type(error).__name__}", str(shown), repr(shown))
            # As a traceback does.
            shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)

    def leaks(self) -> list[str]:
        """Return where secrets were shown."""
        for reference in self.raised:
            error = reference()
            if error is not None:
                self.keep_error(error)
        everything = "\n".join(self.kept)
        found = [secret for secret in self.secrets if any(each in everything for each in spellings(secret))]
        return [
            f"{where}: {secret!r} in {text[:500]!r}"
            for secret in found
            for text, where in self.kept.items()
            if any(each in text for each in spellings(secret))
        ]


# The innermost watches: a test of the watch itself has one of its own.
_watches: Final[list[Watch]] = []


@contextmanager
def watching() -> Generator[Watch]:
    """Watch the block.

    Raises:
        Leak: A secret was shown.
    """
    watch = Watch()
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)
    leaks = watch.leaks()
    if leaks:
        raise Leak("\n".join(leaks))


@pytest.fixture(autouse=True)
def no_leak() -> Iterator[Watch]:
    """Fail the test in which a secret is logged, raised or shown."""
    with watching() as watch:
        yield watch


# --- Hooks


@pytest.fixture(autouse=True, scope="session")
def watching_all() -> Iterator[None]:
    """Listen to logs, errors and texts of the package, from the first test to the last."""
    with pytest.MonkeyPatch.context() as patch:
        _listen_to_log(patch)
        for each in _tree(errors.EvEnergyError):
            if "__init__" in vars(each) or each is errors.EvEnergyError:
                _after_init(patch, each, _note_error)
        for holder in _HOLDERS:
            _after_init(patch, holder, _note_holder)
        _listen_to_wire(patch)
        yield


def _tree(root: type) -> list[type]:
    children: list[type] = root.__subclasses__()
    return [root, *(each for child in children for each in _tree(child))]


def _after_init(patch: pytest.MonkeyPatch, cls: type, then: Callable[[Any], None]) -> None:
    """Call a function with each new object, once it is complete."""
    original: Any = getattr(cls, "__init__")  # noqa: B009  # mypy warns of it on instances, and this is a class

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if type(self).__init__ is init and _watches:
            then(self)

    patch.setattr(cls, "__init__", init)


def _note_error(error: EvEnergyError) -> None:
    watch = _watches[-1]
    watch.keep_error(error)
    # Its cause is known once it has been raised; watching must not keep it alive.
    watch.raised.append(weakref.ref(error))


def _note_holder(holder: object) -> None:
    watch = _watches[-1]
    watch.learn(*(getattr(holder, name, None) for name in _ATTRIBUTES))
    watch.keep(f"repr of {type(holder).__name__}", repr(holder), str(holder))


def _listen_to_log(patch: pytest.MonkeyPatch) -> None:
    logger, plain = logging.getLogger("ev_energy_async"), logging.Formatter()

    def handle(record: logging.LogRecord) -> None:
        if _watches:
            _watches[-1].keep("logged", plain.format(record), repr(record.args))
        # Other listeners of the log hear what they would without us.
        if logging.Logger.isEnabledFor(logger, record.levelno):
            logging.Logger.handle(logger, record)

    def is_enabled_for(_: int) -> bool:
        return True

    patch.setattr(logger, "isEnabledFor", is_enabled_for)
    patch.setattr(logger, "handle", handle)


def _listen_to_wire(patch: pytest.MonkeyPatch) -> None:
    exchange, send = transport.Transport.exchange, client.EvEnergy.send

    @functools.wraps(exchange)
    async def exchanged(
        self: Any,
        request: Request[Any],
        url: str | Secret[str],
        shown: Request[Any],
        authorization: Secret[str] | None = None,
        stream: Any = None,
    ) -> Any:
        if not _watches:
            return await exchange(self, request, url, shown, authorization, stream)
        watch = _watches[-1]
        watch.learn_from_request(request, authorization)
        if isinstance(url, Secret):
            watch.learn(url.reveal())
        try:
            answer = await exchange(self, request, url, shown, authorization, stream)
        finally:
            for each in (request, shown):
                watch.keep("shown of a request", repr(each), str(each), each.as_curl())
        watch.learn_from(answer.body)
        return answer

    @functools.wraps(send)
    async def sent(self: client.EvEnergy, request: Request[Any]) -> Any:
        try:
            response = await send(self, request)
        except Exception as error:
            if _watches:
                _watches[-1].keep_error(error)  # its cause is known by now
            raise
        if _watches:
            _watches[-1].keep("shown of a call", repr(self), repr(response))
            if id(self) not in _watches[-1].clients:
                _watches[-1].clients.add(id(self))
                _watches[-1].keep("shown of a client", repr(self.stats()), repr(self.budget))
        return response

    patch.setattr(transport.Transport, "exchange", exchanged)
    patch.setattr(client.EvEnergy, "send", sent)
