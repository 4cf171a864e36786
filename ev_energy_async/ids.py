"""Resource IDs: a four-letter prefix for the collection and a ULID, which holds the time of creation.

Pure. IDs come out of strings, of resource URLs (by their last non-empty path segment, since some URLs in answers lack
the `/v2` segment or end with a slash) and of models.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable
from urllib.parse import unquote, urlsplit

import attrs

from ev_energy_async._base import InvalidArgument

if TYPE_CHECKING:
    import datetime as dt

    from ev_energy_async.values import UnsetType

__all__ = ["Identified", "Ref", "ResourceId", "id_text"]

# What would end a path segment, start another, or is encoded already.
_FORBIDDEN: Final = re.compile(r"[/?#\\% ]")
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
    """An ID taken apart.

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
        """Take an ID, or the URL of a resource, apart.

        Raises:
            InvalidArgument: It is neither.
        """
        found = _FORM.fullmatch(_last_segment(text)) if isinstance(text, str) else None
        if found is None:
            raise InvalidArgument("text", text, "four lower-case letters and a ULID, or a URL that ends with them")
        return cls(found[1], found[2])

    @classmethod
    def of(cls, reference: str | Identified | ResourceId | None) -> ResourceId | None:
        """Return the ID that a reference field stands for: a URL, an expanded resource, or null (None).

        Raises:
            InvalidArgument: There is no ID in it.
        """
        if reference is None or isinstance(reference, ResourceId):
            return reference
        return cls.parse(id_text("reference", reference))

    @property
    def created_at(self) -> dt.datetime:
        """When the ID was made (ULID specification: 48 bits of milliseconds), aware, in UTC."""
        from ulid import ULID  # noqa: PLC0415  # 20 ms that few programs need

        return ULID.from_str(self.ulid).datetime

    def __str__(self) -> str:
        return self.prefix + self.ulid


Ref: TypeAlias = "str | ResourceId | Identified"
"""What stands for a resource in an argument: its ID, its URL, or the resource itself."""


def _last_segment(text: str) -> str:
    try:
        path = urlsplit(text).path if "://" in text else text
    except ValueError:  # as for "https://[", whose host never ends
        return ""
    return path.rstrip("/").rpartition("/")[2] if "://" in text or text.startswith("/") else path


def id_text(argument: str, reference: object, prefix: str | None = None) -> str:
    """Return the ID in a reference, unencoded.

    Args:
        argument: Name of the argument, for the error.
        reference: An ID, a resource URL, a `ResourceId`, or a model with an `id`.
        prefix: The prefix the ID must have; None if any non-empty segment will do.

    Raises:
        InvalidArgument: It holds no ID, or one with another prefix, or one that would change the path.
    """
    if isinstance(reference, ResourceId):
        text = str(reference)
    elif isinstance(reference, str):
        text = unquote(_last_segment(reference)) if "/" in reference else reference
    else:
        value = getattr(reference, "id", None)
        text = value if isinstance(value, str) else ""
    is_segment = text and text.isprintable() and text not in {".", ".."} and not _FORBIDDEN.search(text)
    is_right = prefix is None or (text.startswith(prefix) and len(text) > len(prefix))
    if is_segment and (is_right or (prefix == "user" and text == "me")):
        return text
    kind = f"an ID that starts with {prefix!r}" if prefix else "an ID"
    raise InvalidArgument(argument, reference, f"{kind}, a resource URL, or the resource")
