"""Secrets that mask themselves, and foreign text made safe to print.

Error trackers and debuggers record the local variables of failing calls, so a secret is never held as plain `str`,
`bytes` or a mapping of them between the caller and the wire. Everything that holds one uses `Secret`; everything that
quotes a server uses `printable`. Imports nothing of ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Secret", "chained", "drop_frames", "masked", "printable", "reveal", "without_userinfo"]

S = TypeVar("S", str, bytes)

_LONGEST_SHOWN: Final = 1_000
"""Characters of a server's text that are shown."""

# A shorter text stands in every sentence; to mask it would make errors unreadable and hide nothing.
_SHORTEST_MASKED: Final = 4
_MASK: Final = "***"
_USERINFO: Final = re.compile(r"(?<=//)[^/?#\s]*(?=@)")


class Secret(Generic[S]):
    """A secret text or bytes that shows itself as `***` wherever it is printed, logged, formatted or serialised.

    Deliberately not a subclass of `str`: serialisers of error trackers print those as they are. Wrap a secret as soon
    as it arrives, pass the wrapper on, and call `reveal()` inline in the expression that puts it on the wire, so that
    no local variable ever holds the plain value:

        token = Secret(await auth.access_token())
        authorization = token.prefixed("Bearer ")   # a Secret again
        session.request(..., headers={"Authorization": authorization.reveal()})

    A parameter that arrives as plain `str` (`rejected`, for one) is rebound first: `rejected = Secret(rejected)`.
    Two secrets are equal if their values are. A pickled secret loses its value: it never leaves the process.

    Example:
        >>> token = Secret("eyJhbGciOi...")
        >>> f"{token}", token.reveal()
        ('***', 'eyJhbGciOi...')
    """

    __slots__ = ("_value",)

    def __init__(self, value: S) -> None:
        self._value: S = value

    def reveal(self) -> S:
        """Return the plain value. Call it inline, on the last line before the wire or a file."""
        return self._value

    def prefixed(self, prefix: S) -> Secret[S]:
        """Return the secret with something before it, as in `Bearer ...`."""
        return Secret(prefix + self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        theirs: Any = other  # pyright: ignore[reportUnknownVariableType]  # a Secret of something
        return bool(self._value == theirs._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return _MASK

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self._value[:0],)


def reveal(value: Secret[str] | str) -> str:
    """Return the plain value of a secret, and any other text as it is."""
    return value if isinstance(value, str) else value.reveal()


def masked(text: str, secrets: Iterable[Secret[Any]]) -> str:
    """Return a text without the secrets that stand in it, however a server came by them."""
    known = {each for each in map(_text, secrets) if len(each) >= _SHORTEST_MASKED}
    # The longest first, since one may hold another.
    for each in sorted(known, key=len, reverse=True):
        text = text.replace(each, _MASK)
    return text


def _text(secret: Secret[Any]) -> str:
    value = secret.reveal()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def printable(text: str, longest: int = _LONGEST_SHOWN) -> str:
    r"""Return foreign text as a terminal or a log can show it: on one line, cut, nothing that acts on what shows it.

    Control characters, line breaks, ANSI sequences, marks that change the direction of the text and lone surrogates are
    escaped as in a Python literal.

    Example:
        >>> printable("no\x1b[2Jsuch\nvehicle")
        'no\\x1b[2Jsuch\\nvehicle'
    """
    cut = text[:longest]
    if not cut.isprintable():
        cut = "".join(each if each.isprintable() else _escaped(each) for each in cut)
    return f"{cut}…" if len(text) > longest else cut


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def without_userinfo(text: str) -> str:
    """Return a text in which no URL shows a user name and password (RFC 3986, section 3.2.1)."""
    return _USERINFO.sub(_MASK, text)


def chained(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """Yield an error with all of its causes and contexts, each once.

    Args:
        error: The error that was raised below the caller.
        outer: The exception that the caller was handling already, which is theirs: it is left out.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is not None and each is not outer and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def drop_frames(error: BaseException, outer: BaseException | None) -> None:
    """Take from an error the frames below the caller: their local variables hold plain secrets.

    Args:
        error: The error that was raised below; its causes and contexts are treated alike.
        outer: The exception that the caller was handling already, which is theirs.
    """
    for each in chained(error, outer):
        each.__traceback__ = None
