"""Bytes to models and back.

The fast way is one cached msgspec decoder a type. What it refuses goes the tolerant way: a cattrs converter that
delivers what departs from the schema without loss (null where not allowed, a required key missing, `70.0` for `70`, a
time without a zone), reports the drift once per type and path, and raises `DecodeError` with the path for the rest. The
converter is also the place to hook in: a hook registered for a type sends all that contains the type the tolerant way.

Pure: no I/O beside the log line that reports drift.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs
import msgspec

from ev_energy_async.errors import DecodeError
from ev_energy_async.values import UNSET, Model, is_array, is_mapping, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

__all__ = ["Codec", "Drift", "decode", "decode_strict", "encode", "lost_keys", "make_converter", "warm"]

_LOG: Final = logging.getLogger("ev_energy_async")
# Reported drift is remembered, so that a running fleet logs it once; a service never sees more kinds than this.
_MOST_DRIFT: Final = 10_000
# How msgspec says that bytes are no JSON document; the last for one nested deeper than the stack.
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder(decimal_format="string")


@attrs.frozen
class Drift:
    """Where an answer departed from the schema in a way that lost nothing.

    Attributes:
        type: Name of the model.
        path: The key in it; `[]` stands for the items of an array or a map.
        kind: `null`, `missing`, `empty`, `number` or `undecodable`.
    """

    type: str
    path: str
    kind: str

    def __str__(self) -> str:
        said = {
            "null": "is null, which the schema does not allow",
            "missing": "is missing, though the schema requires it",
            "empty": "is an empty string in place of a time",
            "number": "is written with a decimal point, though it is an integer",
            "undecodable": "could not be understood, and was skipped",
        }
        return f"{self.type}.{self.path} {said[self.kind]}"


@lru_cache(maxsize=1024)
def _decoder(into: Any) -> msgspec.json.Decoder[Any] | None:
    """Return the decoder of a type; None for one with a union of several models, which msgspec does not take."""
    try:
        return msgspec.json.Decoder(into)
    except TypeError as error:
        if "unions may not contain more than one" not in str(error):
            raise
        return None


def warm(into: Any) -> None:
    """Make the decoder of a type, so that the first answer need not."""
    _decoder(into)


def _reason(error: Exception) -> tuple[str, str]:
    """Split what msgspec says into reason and path."""
    found = re.fullmatch(r"(.*?)(?: - at `(.*)`)?", str(error), re.DOTALL)
    return (found[1], found[2] or "$") if found else (str(error), "$")


def decode_strict(data: bytes, into: Any) -> Any:
    """Decode a document that must match its schema.

    Raises:
        DecodeError: It does not.
    """
    decoder = _decoder(into)
    if decoder is None:
        from ev_energy_async._tolerant import structure  # noqa: PLC0415  # cattrs costs 45 ms, few need it

        value, drift = structure(make_converter(), _document(data), into)
        if drift:
            raise DecodeError(str(drift[0]))
        return value
    try:
        return decoder.decode(data)
    except _BROKEN as error:
        raise DecodeError(*_reason(error)) from error


def _document(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except _BROKEN as error:
        raise DecodeError(*_reason(error)) from error


def encode(value: object) -> bytes:
    """Encode a model, or a mapping of JSON values and models, as JSON.

    What is unset is left out, None is null, decimals are strings, times keep their offset.
    """
    try:
        return _encoder.encode(value if isinstance(value, Model) else _plain(value))
    except (TypeError, ValueError, msgspec.EncodeError) as error:
        raise DecodeError(f"not JSON: {error}") from error


def _plain(value: object) -> Any:
    """Return a value as msgspec takes it: dictionaries for mappings, and in them nothing that is unset."""
    if is_mapping(value):
        return {key: _plain(member) for key, member in value.items() if member is not UNSET}
    if isinstance(value, tuple):
        value = list(cast("tuple[object, ...]", value))
    if is_array(value):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        # msgspec writes null, which clears what it is sent to.
        raise ValueError(f"{value} is not a number of JSON")
    return value


def lost_keys(before: bytes, after: bytes) -> list[str]:
    """Return the paths of keys that stand in one JSON document and no longer in the other."""
    lost: list[str] = []

    def compare(old: Any, new: Any, path: str) -> None:
        if is_object(old) and is_object(new):
            for key, value in old.items():
                if key in new:
                    compare(value, new[key], f"{path}{key}.")
                else:
                    lost.append(f"{path}{key}")
        elif is_array(old) and is_array(new):
            for item, other in zip(old, new, strict=False):
                compare(item, other, path)

    compare(msgspec.json.decode(before), msgspec.json.decode(after), "")
    return lost


class Codec:
    """Decodes with one converter and tells one listener of drift.

    Args:
        converter: A converter from `make_converter`, with hooks of your own; None for one without.
        on_drift: Called with each kind of drift once.
    """

    def __init__(self, converter: Converter | None = None, on_drift: Callable[[Drift], object] | None = None) -> None:
        self._converter = converter
        self._on_drift = on_drift
        self._reported: set[Drift] = set()
        self._hooked: dict[Any, bool] = {}

    @property
    def drift(self) -> frozenset[Drift]:
        """The drift seen so far."""
        return frozenset(self._reported)

    def decode(self, data: bytes, into: Any) -> Any:
        """Decode a JSON document.

        Args:
            data: The document in UTF-8.
            into: The type to decode to: a model, a list of models, a union.

        Raises:
            DecodeError: It is no JSON, or cannot be understood as the type; carries the path.
        """
        decoder = None if self._has_hook(into) else _decoder(into)
        if decoder is not None:
            try:
                return decoder.decode(data)
            except msgspec.ValidationError:
                pass  # well-formed, so the tolerant way below has a say
            except _BROKEN as error:
                raise DecodeError(*_reason(error)) from error
        return self._decode_tolerantly(data, into)

    def decode_items(self, data: bytes, into: Any) -> list[tuple[bytes, Any]]:
        """Decode an array item by item; an item that cannot be understood is its `DecodeError`.

        Args:
            data: The array in UTF-8.
            into: The type of an item.

        Raises:
            DecodeError: It is no array.
        """
        raw_items: list[msgspec.Raw] = decode_strict(data, list[msgspec.Raw])
        made: list[tuple[bytes, Any]] = []
        for raw in map(bytes, raw_items):
            try:
                made.append((raw, self.decode(raw, into)))
            except DecodeError as error:
                made.append((raw, error))
        return made

    def _has_hook(self, into: Any) -> bool:
        if self._converter is None:
            return False
        hooked = self._hooked.get(into)
        if hooked is None:
            from ev_energy_async._tolerant import has_hook  # noqa: PLC0415  # cattrs costs 45 ms, few need it

            hooked = self._hooked[into] = has_hook(self._converter, into)
        return hooked

    def _decode_tolerantly(self, data: bytes, into: Any) -> Any:
        from ev_energy_async._tolerant import structure  # noqa: PLC0415  # cattrs costs 45 ms, few need it

        if self._converter is None:
            self._converter = make_converter()
            self._hooked.clear()
        value, drift = structure(self._converter, _document(data), into)
        for item in drift:
            self.report(item)
        return value

    def report(self, drift: Drift) -> None:
        """Tell of drift, the first time it is met."""
        if drift in self._reported or len(self._reported) >= _MOST_DRIFT:
            return
        self._reported.add(drift)
        _LOG.warning("the API departs from its schema: %s", drift)
        if self._on_drift is not None:
            self._on_drift(drift)


def make_converter() -> Converter:
    """Return a converter that knows the models of this package, for hooks of your own.

    Register with `register_structure_hook_func(lambda t: t is str, ...)` rather than `register_structure_hook(str,
    ...)`: the latter catches string enums too.

    Example:
        >>> converter = make_converter()
        >>> converter.register_structure_hook(float, lambda value, _: round(value, 3))
        >>> client = EvEnergy(credentials, converter=converter)  # doctest: +SKIP
    """
    from ev_energy_async._tolerant import TolerantConverter  # noqa: PLC0415  # cattrs costs 45 ms, few need it

    return TolerantConverter()


_default: Final = Codec()


def decode(data: bytes, into: type[T]) -> T:
    """Decode a JSON document as `Codec.decode` does, without hooks.

    Args:
        data: The document in UTF-8.
        into: The type to decode to.

    Raises:
        DecodeError: It is no JSON, or cannot be understood as the type; carries the path.

    Example:
        >>> from ev_energy_async.models import LatLong
        >>> decode(b'{"latitude": 51.5, "longitude": -0.1}', LatLong)
        LatLong(latitude=51.5, longitude=-0.1)
    """
    value: T = _default.decode(data, into)
    return value
