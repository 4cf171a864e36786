"""Personal data in models: which fields hold it, and models without it.

For users' logs and diagnostics, such as those of Home Assistant. Pure.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from ev_energy_async.codec.dicts import keyed
from ev_energy_async.codec.encoding import encode
from ev_energy_async.codec.types import is_model, reachable, shape
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.values import Model, is_array, is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["personal_fields", "redacted"]

REDACTED: Final = "**REDACTED**"
"""The text in place of personal data, as in Home Assistant's diagnostics."""

# The fields of the document that say who or where somebody is: names, addresses, coordinates, identifiers of devices
# and accounts, free text, references to users.
_PERSONAL: Final = frozenset(
    {
        "address_1",
        "address_2",
        "city",
        "cpid",
        "email",
        "file_name",
        "full_name",
        "ip_address",
        "latitude",
        "longitude",
        "message",
        "message_clean",
        "postal_code",
        "serial_number",
        "smartcar_user_id",
        "user",
        "user_id",
        "vin",
    }
)
_USER: Final = re.compile(r"\buser[0-7][0-9A-HJKMNP-TV-Z]{25}")
# What makes coordinates those of a place; the boundary of a region has none of them, and is nobody's.
_PLACES: Final = frozenset({"latitude", "longitude"})


def personal_fields(model: type[Model]) -> frozenset[str]:
    """Return the names of the fields of a model that hold personal data: of it alone, not of the models in it.

    Raises:
        InvalidArgument: `model` is not a model.

    Example:
        >>> from ev_energy_async.models import LatLong
        >>> sorted(personal_fields(LatLong))
        ['latitude', 'longitude']
    """
    if not is_model(model):
        raise InvalidArgument("model", model, "the class of a model")
    kind: Any = model
    return frozenset(field.name for field in shape(kind).fields if _is_personal(field.name, field.hint))


def _is_personal(name: str, hint: Any) -> bool:
    if name != "coordinates":
        return name in _PERSONAL
    models: list[Any] = [each for each in reachable(hint) if is_model(each)]
    return any({field.name for field in shape(each).fields} >= _PLACES for each in models)


def redacted(value: Any) -> Any:
    """Return a model, or a list or dictionary of models, as JSON values without personal data.

    Personal fields become `**REDACTED**`, and so does text with the ID of a user, wherever it is; null and absent stay
    what they are. IDs of devices and sessions are kept.

    Example:
        >>> from ev_energy_async.models import LatLong
        >>> redacted(LatLong(latitude=51.5, longitude=-0.1))
        {'latitude': '**REDACTED**', 'longitude': '**REDACTED**'}
    """
    if isinstance(value, Model):
        kind: Any = type(value)
        fields = {field.key: _is_personal(field.name, field.hint) for field in shape(kind).fields}
        return {
            key: REDACTED if fields.get(key, False) and member is not None else redacted(member)
            for key, member in keyed(value)
        }
    if is_mapping(value):
        return {str(key): redacted(member) for key, member in value.items()}
    if is_array(value) or isinstance(value, tuple | set | frozenset):
        return [redacted(item) for item in cast("Iterable[Any]", value)]
    return _plain(value)


def _plain(value: Any) -> Any:
    plain = json.loads(encode(value))
    return REDACTED if isinstance(plain, str) and _USER.search(plain) else plain
