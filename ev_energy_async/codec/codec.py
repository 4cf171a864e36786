"""Bytes to models and back.

The fast way is one cached msgspec decoder a type. What it refuses goes the tolerant way: a cattrs converter that
delivers what departs from the schema without loss (null where not allowed, a required key missing, `70.0` for `70`, a
time without a zone), reports the drift once per type and path, and raises `DecodeError` with the path for the rest. The
converter is also the place to hook in: a hook registered for a type sends all that contains the type the tolerant way.

Pure: no I/O beside the log line that reports drift.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin

import msgspec

from ev_energy_async.codec.drift import Drift
from ev_energy_async.codec.strict import BROKEN, decode_certain, decode_strict, decode_whole, decoder, reason
from ev_energy_async.codec.types import is_model
from ev_energy_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

__all__ = ["Codec", "Drift", "decode", "decode_strict", "make_converter", "warm"]

_LOG: Final = logging.getLogger("ev_energy_async")
# Reported drift is remembered, so that a running fleet logs it once; a service never sees more kinds than this.
_MOST_DRIFT: Final = 10_000

T = TypeVar("T")

_items: Final = msgspec.json.Decoder(list[msgspec.Raw])


def warm(into: Any) -> None:
    """Make the decoder of a type, so that the first answer need not."""
    decoder(into)


def _document(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except BROKEN as error:
        raise DecodeError(*reason(error)) from error


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
        fast = None if self._has_hook(into) else decoder(into)
        if fast is not None:
            try:
                return decode_whole(fast, data, into)
            except msgspec.ValidationError:
                # Well-formed as far as it was read, so the tolerant way has a say.
                if get_origin(into) is list and is_model(item := get_args(into)[0]):
                    return self._decode_list(data, into, item)
            except BROKEN as error:
                raise DecodeError(*reason(error)) from error
        elif not self._has_hook(into):
            # Taken apart, the parts are decoded the fast way; what departs from its schema has another chance.
            with contextlib.suppress(DecodeError):
                return decode_certain(data, into)
        return self._decode_tolerantly(data, into)

    def _decode_list(self, data: bytes, into: Any, item: Any) -> Any:
        """Decode a list in which something departs from the schema: the other items take the fast way all the same."""
        fast = decoder(item)
        assert fast is not None  # noqa: S101  # the whole has one
        made: list[Any] = []
        try:
            raw_items = _items.decode(data)
        except BROKEN as error:
            raise DecodeError(*reason(error)) from error
        for index, raw in enumerate(raw_items):
            try:
                made.append(decode_whole(fast, raw, item))
            except msgspec.ValidationError:
                document = bytes(raw)
                if not document.startswith(b"{"):
                    return self._decode_tolerantly(data, into)  # what is no object is a matter of the list
                try:
                    made.append(self._decode_tolerantly(document, item))
                except DecodeError as error:
                    raise DecodeError(error.reason, f"$[{index}]{error.path[1:]}") from error
        return made

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
            from ev_energy_async.codec.tolerant import has_hook  # noqa: PLC0415  # cattrs costs 45 ms, few need it

            hooked = self._hooked[into] = has_hook(self._converter, into)
        return hooked

    def _decode_tolerantly(self, data: bytes, into: Any) -> Any:
        from ev_energy_async.codec.tolerant import structure  # noqa: PLC0415  # cattrs costs 45 ms, few need it

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
    from ev_energy_async.codec.tolerant import TolerantConverter  # noqa: PLC0415  # cattrs costs 45 ms, few need it

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
