"""Resource IDs: a four-letter prefix for the collection and a ULID, which holds the time of creation.

`calls` takes path parameters from references here; users take references apart with `ResourceId`. Pure.

An ID is found in text, in a model, and in a resource URL by its last non-empty path segment: some URLs in responses
lack the `/v2` segment or end with a slash.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, overload, runtime_checkable
from urllib.parse import unquote, urlsplit

import attrs

from ev_energy_async._base import InvalidArgument
from ev_energy_async.values import Model, UnsetType, plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CROCKFORD", "Identified", "Ref", "ResourceId", "expanded", "id_text", "reference_id", "ulid"]

M = TypeVar("M", bound=Model)
N = TypeVar("N", bound=Model)

# Characters that would end a path segment or start another, and the mark of percent-encoding.
_FORBIDDEN: Final = re.compile(r"[/?#\\% ]")
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The digits of a ULID."""

# Crockford's digits of base 32 (ULID specification), spelled as the digits that `int` reads.
_DIGITS: Final = str.maketrans("JKMNPQRSTVWXYZ", "IJKLMNOPQRSTUV")
_TIME_DIGITS: Final = 10
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FORM: Final = re.compile(r"([a-z]{4})([0-7][0-9A-HJKMNP-TV-Z]{25})")


@runtime_checkable
class Identified(Protocol):
    """A resource that has an ID."""

    @property
    def id(self) -> str | UnsetType:
        """The resource's ID."""
        ...


@attrs.frozen(order=True)
class ResourceId:
    """An ID in its parts.

    Attributes:
        prefix: Four lower-case letters that name the collection, e.g. `vhcl`.
        ulid: The 26 characters after it (Crockford's base 32), which sort by time of creation.

    Example:
        >>> ResourceId.parse("vhcl01HRFF3SEVSCRAV9B3CHVDFN0H").prefix
        'vhcl'
    """

    prefix: str
    ulid: str

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Parse an ID or the URL of a resource.

        Raises:
            InvalidArgument: `text` is neither.
        """
        found = _FORM.fullmatch(_last_segment(plain(text))) if isinstance(text, str) else None
        if found is None:
            raise InvalidArgument("text", text, "four lower-case letters and a ULID, or a URL that ends with them")
        return cls(found[1], found[2])

    @classmethod
    def of(cls, reference: str | Identified | ResourceId | None) -> ResourceId | None:
        """Return the ID in a reference field: a URL, an expanded resource, or null (None).

        Raises:
            InvalidArgument: `reference` has no ID.
        """
        if reference is None or isinstance(reference, ResourceId):
            return reference
        return cls.parse(id_text("reference", reference))

    @property
    def created_at(self) -> dt.datetime:
        """The time of creation, aware, in UTC: the first 48 bits are milliseconds (ULID specification).

        Raises:
            InvalidArgument: That is after the year 9999.
        """
        milliseconds = int(self.ulid[:_TIME_DIGITS].translate(_DIGITS), 32)
        try:
            return _EPOCH + dt.timedelta(milliseconds=milliseconds)
        except OverflowError as error:
            raise InvalidArgument("ulid", self.ulid, "a time before the year 10000") from error

    def __str__(self) -> str:
        return self.prefix + self.ulid


@overload
def expanded(reference: str | M | UnsetType | None) -> M | None: ...
@overload
def expanded(
    reference: str | M | UnsetType | None, following: Callable[[M], str | N | UnsetType | None], /
) -> N | None: ...
def expanded(reference: Any, following: Callable[[Any], Any] | None = None) -> Any:
    """Return the object of a reference field; None if it is not expanded, null or unset.

    Args:
        reference: The value of the field, or an object.
        following: A reference field of that object, to return the object of that one instead.

    Example:
        >>> model = expanded(vehicle.trim, lambda trim: trim.model)  # doctest: +SKIP
        >>> make = expanded(model, lambda model: model.make)  # doctest: +SKIP
    """
    found = reference if isinstance(reference, Model) else None
    return found if found is None or following is None else expanded(following(found))


def ulid(milliseconds: int, random_part: int) -> str:
    """Return a ULID (github.com/ulid/spec): 48 bits of milliseconds since 1970 and 80 random ones, in base 32."""
    number = milliseconds << 80 | random_part
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def reference_id(reference: str | Identified | UnsetType | None) -> str | None:
    """Return the ID in a reference field, be it a URL or an expanded object; None if it is null or unset.

    Raises:
        InvalidArgument: It has no ID.

    Example:
        >>> reference_id("https://api.ev.energy/v2/users/user01HN2NJ9NMRZBXT1H6FT9N7735")
        'user01HN2NJ9NMRZBXT1H6FT9N7735'
    """
    return None if reference is None or isinstance(reference, UnsetType) else id_text("reference", reference)


Ref: TypeAlias = "str | ResourceId | Identified"
"""A reference to a resource in an argument: its ID, its URL, or the resource itself."""


def _last_segment(text: str) -> str:
    try:
        path = urlsplit(text).path if "://" in text else text
    except ValueError:  # as for "https://[", whose host does not end
        return ""
    return path.rstrip("/").rpartition("/")[2] if "://" in text or text.startswith("/") else path


def id_text(argument: str, reference: object, prefix: str | None = None) -> str:
    """Return the ID in a reference, unencoded.

    Args:
        argument: Name of the argument, for the error.
        reference: An ID, a resource URL, a `ResourceId`, or a model with an `id`.
        prefix: The prefix the ID must have; None if any non-empty segment will do.

    Raises:
        InvalidArgument: It has no ID, or one with another prefix, or one that would change the path.
    """
    if prefix is not None and type(reference) is str and reference.startswith(prefix) and _FORM.fullmatch(reference):
        return reference  # as nearly always; what follows would say the same
    if isinstance(reference, ResourceId):
        text = str(reference)
    elif isinstance(reference, str):
        given: str = plain(reference)
        text = unquote(_last_segment(given)) if "/" in given else given
    else:
        value = plain(getattr(reference, "id", None))
        text = value if isinstance(value, str) else ""
    is_segment = text and text.isprintable() and text not in {".", ".."} and not _FORBIDDEN.search(text)
    is_right = prefix is None or (text.startswith(prefix) and len(text) > len(prefix))
    if is_segment and (is_right or (prefix == "user" and text == "me")):
        return text
    kind = f"an ID that starts with {prefix!r}" if prefix else "an ID"
    raise InvalidArgument(argument, reference, f"{kind}, a resource URL, or the resource")
