"""Personal data in models: which fields hold it, and models without it.

For users' logs and diagnostics, such as those of Home Assistant. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from ev_energy_async.codec.asdict import as_json, public_fields
from ev_energy_async.codec.dicts import keyed
from ev_energy_async.codec.types import is_model, shape
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.values import UNSET, Model, is_array, is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["personal_fields", "redacted"]

REDACTED: Final = "**REDACTED**"
"""The text in place of personal data, as in Home Assistant's diagnostics."""

_USER: Final = re.compile(r"\buser[0-7][0-9A-HJKMNP-TV-Z]{25}")


def personal_fields(model: type[Model]) -> frozenset[str]:
    """Return the names of the fields of a model that hold personal data: of it alone, not of the models in it.

    What a field tells of a person is in its metadata, as in `attrs.fields(User).email.metadata["personal"]`:
    `e-mail address`, `name`, `address`, `place`, `account`, `device`, `user`, or `text` that somebody wrote.

    Raises:
        InvalidArgument: `model` is not a model.

    Example:
        >>> from ev_energy_async.models import LatLong
        >>> sorted(personal_fields(LatLong))
        ['latitude', 'longitude']
    """
    if not is_model(model):
        raise InvalidArgument("model", model, "the class of a model")
    fields: Any = attrs.fields(model)
    return frozenset(field.name for field in fields if "personal" in field.metadata)


def redacted(value: Any) -> Any:
    """Return a model, an event, or a list or dictionary of them, as JSON values without personal data.

    Personal fields become `**REDACTED**`, and so does text with the ID of a user, wherever it is; null and absent stay
    what they are. IDs of devices and sessions are kept.

    Example:
        >>> from ev_energy_async.models import LatLong
        >>> redacted(LatLong(latitude=51.5, longitude=-0.1))
        {'latitude': '**REDACTED**', 'longitude': '**REDACTED**'}
    """
    if isinstance(value, Model):
        personal = _personal_keys(type(value))
        return {
            key: REDACTED if key in personal and member is not None else redacted(member)
            for key, member in keyed(value)
        }
    if attrs.has(value.__class__):
        return {name: redacted(member) for name, member in public_fields(value) if member is not UNSET}
    if is_mapping(value):
        return {str(key): redacted(member) for key, member in value.items()}
    if is_array(value) or isinstance(value, tuple | set | frozenset):
        return [redacted(item) for item in cast("Iterable[Any]", value)]
    return _plain(value)


def _personal_keys(model: type[Model]) -> frozenset[str]:
    kind: Any = model
    names = personal_fields(model)
    return frozenset(field.key for field in shape(kind).fields if field.name in names)


def _plain(value: Any) -> Any:
    plain = as_json(value)
    return REDACTED if isinstance(plain, str) and _USER.search(plain) else plain
