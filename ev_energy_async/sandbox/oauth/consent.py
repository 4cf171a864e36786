"""The authorization endpoint `/o/authorize/` (RFC 6749, section 4.1.1): a page on which a user allows or denies access.

There are no passwords in the sandbox: visitors of the page choose which user to be. For tests and CI, one user can
consent at once. No I/O, time comes in as an argument.
"""

import hmac
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest
from html import escape
from http import HTTPStatus
from itertools import islice
from secrets import token_bytes
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.oauth.tokens import Consent, TokenIssuer
from ev_energy_async.sandbox.protocol import Reply, Request
from ev_energy_async.sandbox.world import Collection, User

AUTHORIZE_PATH: Final = "/o/authorize/"

_PASSED_ON: Final = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SHOWN_USERS: Final = 50
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    # Not `no-referrer`, with which browsers send `Origin: null` even from this page.
    "Referrer-Policy": "same-origin",
}


@attrs.frozen
class _Asked:
    """An authorization request that may be put to a user."""

    redirect_uri: str
    named: bool
    """Whether the request named the redirect URI itself."""
    scopes: frozenset[str]
    state: str | None
    challenge: str | None


class _Refused(Exception):
    """An authorization request that goes back to the client as an error (RFC 6749, section 4.1.2.1)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class _Unanswerable(Exception):
    """An authorization request with no trusted redirect URI to send an error to."""


class ConsentDesk:
    """Serves `/o/authorize/`."""

    def __init__(self, issuer: TokenIssuer, users: Collection[User], *, auto_consent: str | bool = False) -> None:
        """Make a desk for the users of a world.

        Args:
            issuer: issues the codes.
            users: the users who can consent.
            auto_consent: the ID of a user who allows everything at once; True is the first user. `?auto=0` shows the
                page all the same.
        """
        self.auto_consent = auto_consent
        self._key = token_bytes()
        self._issuer = issuer
        self._users = users

    def answer(self, request: Request, now: Instant) -> Reply:
        """Return the page, or the way back to the client."""
        if request.method not in {"GET", "HEAD", "POST"}:
            return _page(HTTPStatus.METHOD_NOT_ALLOWED, "This page is for GET and POST.", {"Allow": "GET, HEAD, POST"})
        written = request.body.decode(errors="replace") if request.method == "POST" else request.query
        pairs = parse_qsl(written, keep_blank_values=True)
        fields = {name: value for name, value in pairs if name in _PASSED_ON}
        repeated = {name for name, count in Counter(name for name, _ in pairs).items() if count > 1} & set(_PASSED_ON)
        try:
            redirect_uri = self._redirect_uri(fields, repeated)
        except _Unanswerable as error:
            return _page(HTTPStatus.BAD_REQUEST, f"<p>{escape(str(error))}</p>")
        state = fields.get("state")
        try:
            asked = self._read(fields, repeated, redirect_uri)
            if request.method == "POST":
                if not self._is_from_the_page(request, fields, dict(pairs).get("ticket", "")):
                    return _page(HTTPStatus.FORBIDDEN, "<p>This form was not sent from the consent page.</p>")
                return self._decide(asked, pairs, now)
            user = self._user_at_once(dict(pairs).get("auto"))
            if user is None:
                return self._ask(asked, fields)
            return self._allow(asked, user, asked.scopes, now)
        except _Refused as refused:
            return _send_back(redirect_uri, state, [("error", refused.code), ("error_description", str(refused))])

    def _redirect_uri(self, fields: dict[str, str], repeated: set[str]) -> str:
        application = self._issuer.application
        if repeated & {"client_id", "redirect_uri"}:
            raise _Unanswerable("client_id or redirect_uri is given more than once.")
        if fields.get("client_id") != application.client_id:
            raise _Unanswerable(f"There is no application {fields.get('client_id', '')!r}.")
        if "redirect_uri" in fields:
            if fields["redirect_uri"] not in application.redirect_uris:
                raise _Unanswerable(
                    f"{fields['redirect_uri']!r} is not a redirect URI of the application. "
                    f"These are: {', '.join(application.redirect_uris) or 'none'}."
                )
            return fields["redirect_uri"]
        if len(application.redirect_uris) != 1:  # RFC 6749, section 3.1.2.3
            raise _Unanswerable("redirect_uri is missing.")
        return application.redirect_uris[0]

    def _read(self, fields: dict[str, str], repeated: set[str], redirect_uri: str) -> _Asked:
        if repeated:
            raise _Refused("invalid_request", f"{', '.join(sorted(repeated))} is given more than once.")
        if "response_type" not in fields:
            raise _Refused("invalid_request", "response_type is missing.")
        if fields["response_type"] != "code":
            raise _Refused("unsupported_response_type", "response_type should be code.")
        scopes = frozenset(fields["scope"].split()) if fields.get("scope") else self._issuer.scopes
        if unknown := sorted(scopes - self._issuer.scopes):
            raise _Refused("invalid_scope", f"There is no scope {', '.join(unknown)}.")
        challenge = fields.get("code_challenge")
        # RFC 7636, section 4.3: without a method it is `plain`, which is not secure and not offered.
        if challenge is None and "code_challenge_method" in fields:
            raise _Refused("invalid_request", "code_challenge is missing.")
        if challenge is not None and fields.get("code_challenge_method") != "S256":
            raise _Refused("invalid_request", "code_challenge_method should be S256.")
        if challenge is not None and not _CHALLENGE.fullmatch(challenge):
            raise _Refused("invalid_request", "code_challenge should be the base64url of a SHA-256, 43 characters.")
        return _Asked(redirect_uri, "redirect_uri" in fields, scopes, fields.get("state"), challenge)

    def _user_at_once(self, auto: str | None) -> User | None:
        if self.auto_consent is False or auto == "0":
            return None
        if self.auto_consent is True:
            return next(iter(self._users), None)
        return self._users.get(self.auto_consent)

    def _is_from_the_page(self, request: Request, fields: dict[str, str], ticket: str) -> bool:
        """Return whether a form was sent from a page of this desk that asked for the same.

        Other sites can send a form here, but they can't read the page and so don't know its ticket.
        """
        origin = request.headers.get("Origin")  # RFC 6454, section 7; browsers send it with every POST
        if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
            return False
        return compare_digest(ticket.encode(), self._ticket(fields).encode())

    def _ticket(self, fields: dict[str, str]) -> str:
        return hmac.new(self._key, urlencode(sorted(fields.items())).encode(), sha256).hexdigest()

    def _decide(self, asked: _Asked, pairs: Sequence[tuple[str, str]], now: Instant) -> Reply:
        chosen = dict(pairs)
        if chosen.get("decision") != "allow":
            raise _Refused("access_denied", "The user has denied it.")
        user = self._users.get(chosen.get("user", ""))
        if user is None:
            return _page(HTTPStatus.BAD_REQUEST, f"<p>There is no user {escape(repr(chosen.get('user', '')))}.</p>")
        granted = asked.scopes & {value for name, value in pairs if name == "granted"}
        if not granted:
            raise _Refused("access_denied", "The user has granted no scope.")
        return self._allow(asked, user, granted, now)

    def _allow(self, asked: _Asked, user: User, scopes: Iterable[str], now: Instant) -> Reply:
        code = self._issuer.issue_code(
            now,
            Consent(user.id, frozenset(scopes)),
            redirect_uri=asked.redirect_uri if asked.named else None,
            challenge=asked.challenge,
        )
        return _send_back(asked.redirect_uri, asked.state, [("code", code.text)])

    def _ask(self, asked: _Asked, fields: dict[str, str]) -> Reply:
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in (*fields.items(), ("ticket", self._ticket(fields)))
        )
        users = "".join(
            f'<option value="{user.id}">{escape(user.full_name)} ({user.id})</option>'
            for user in islice(self._users, _SHOWN_USERS)
        )
        scopes = "".join(
            f'<label><input type="checkbox" name="granted" value="{scope}" checked> {scope}</label><br>'
            for scope in sorted(asked.scopes)
        )
        return _page(
            HTTPStatus.OK,
            f"<p><b>{escape(self._issuer.application.client_id)}</b> asks for access to your account.</p>"
            f'<form method="post" action="{AUTHORIZE_PATH}">{hidden}'
            '<p><label>You are <input name="user" list="users" required size="60"></label>'
            f'<datalist id="users">{users}</datalist></p><p>{scopes}</p>'
            '<button name="decision" value="allow">Allow</button> '
            '<button name="decision" value="deny" formnovalidate>Deny</button></form>',
        )


def _send_back(redirect_uri: str, state: str | None, answer: list[tuple[str, str]]) -> Reply:
    """Redirect to the client with the decision and its own `state` (RFC 6749, section 4.1.2)."""
    query = urlencode([*answer, *([] if state is None else [("state", state)])])
    joint = "&" if urlsplit(redirect_uri).query else "?"
    headers = {"Location": f"{redirect_uri}{joint}{query}", "Cache-Control": "no-store"}
    return Reply(HTTPStatus.FOUND.value, None, headers)


def _page(status: HTTPStatus, content: str, headers: dict[str, str] | None = None) -> Reply:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ev.energy sandbox</title>'
        "<style>body{font:16px sans-serif;max-width:40em;margin:3em auto;padding:0 1em}</style></head>"
        f"<body><h1>ev.energy sandbox</h1>{content}</body></html>"
    )
    return Reply(status.value, html.encode(), _HEADERS | (headers or {}), "text/html; charset=utf-8")
