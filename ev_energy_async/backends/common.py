"""Shared parts of the backends: names in a database, the text of a driver's error, and closing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Generic, Protocol, Self, TypeVar

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.masking import Secret, masked, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

__all__ = ["InDatabase", "check_name", "passwords_of", "shown"]

# In the authority of a URL (RFC 3986, section 3.2.1), or in its query; in a DSN, as one of its settings.
_WRITTEN: Final = re.compile(r"(?<=:)[^:@/]+(?=@)|(?<=password=)[^&\s]+")


class _Database(Protocol):
    """The connections to a database."""

    async def close(self) -> None:
        """Close those that are not the user's."""
        ...


D = TypeVar("D", bound=_Database)


class InDatabase(Generic[D]):
    """An object whose state is in a database: a context manager that closes the connections of its own.

    It works in one event loop after another, in one at a time.
    """

    def __init__(self, database: D) -> None:
        self._database = database

    async def close(self) -> None:
        """Close its connections, unless you made them; they are opened again when needed."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def check_name(argument: str, value: object) -> str:
    """Return a name or a key, if a database can store it.

    Raises:
        InvalidArgument: It is empty, no text, or has a NUL, which PostgreSQL does not store.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidArgument(argument, value, "a non-empty text without NUL")
    return value


def shown(error: Exception, secrets: Sequence[Secret[str]]) -> str:
    """Return the text of a driver's error on one line, without the secrets of its connections."""
    text = " ".join(str(error).split()) or type(error).__name__
    return printable(masked(text, secrets))


def passwords_of(place: Secret[str], settings: Mapping[str, object]) -> list[Secret[str]]:
    """Return what must not be shown: a DSN or URL itself, its password, and what that is in the text, where encoded.

    Args:
        place: The DSN or URL.
        settings: What the driver reads in it.
    """
    text = place.reveal()
    found = settings.get("password")
    return [place, *([Secret(str(found))] if found else []), *map(Secret, _WRITTEN.findall(text))]
