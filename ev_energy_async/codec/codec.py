"""Bytes to models.

The fast path is one cached msgspec decoder a type. What it refuses takes the tolerant path: a cattrs converter that
accepts harmless schema mismatches (null where not allowed, a required key missing, `70.0` for `70`, a time without an
offset), reports them as drift once per type and path, and raises `DecodeError` with the path for anything else. The
converter is also the place for hooks: a hook for a type sends everything that contains the type the tolerant path.

`http` decodes responses here, `webhooks` events, users whatever they stored. Pure, except that drift is logged.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import msgspec

from ev_energy_async._lazy import lazy_module
from ev_energy_async.codec.damage import is_utf8, pieces, pieces_by_key, replaced
from ev_energy_async.codec.drift import Drift
from ev_energy_async.codec.repairs import Repairs, moved
from ev_energy_async.codec.slices import AT_ONCE, SLICE, groups, is_moderate
from ev_energy_async.codec.strict import BROKEN, decode_certain, decoder, keys_of, likely_member, reason
from ev_energy_async.codec.types import is_model, origin, shape, spoken
from ev_energy_async.codec.unknown import unknown_keys
from ev_energy_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cattrs import Converter

    from ev_energy_async.codec import tolerant
else:
    # cattrs costs 45 ms, and most programs never need it.
    tolerant = lazy_module("ev_energy_async.codec.tolerant")

__all__ = ["Codec", "decode", "finish", "make_converter", "warm"]

_LOG: Final = logging.getLogger("ev_energy_async")
# Reported drift is remembered, so that a running fleet logs it once; no service sees more kinds than this.
_MOST_DRIFT: Final = 10_000

T = TypeVar("T")

_items: Final = msgspec.json.Decoder(list[msgspec.Raw])


def warm(into: Any) -> None:
    """Make the decoder of a type, so that the first response need not."""
    decoder(into)


def finish(steps: Generator[None, None, T]) -> T:
    """Run decoding in steps to its end, without pauses, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


class Codec:
    """Decodes with one converter and reports drift to one listener.

    Args:
        converter: A converter from `make_converter`, with your own hooks; None for one without.
        on_drift: Called with each kind of drift once.
        report_unknown: Whether unknown keys are drift; looking for them costs about as much as decoding.
    """

    def __init__(
        self,
        converter: Converter | None = None,
        on_drift: Callable[[Drift], object] | None = None,
        *,
        report_unknown: bool = False,
    ) -> None:
        self._converter = converter
        self._on_drift = on_drift
        self._report_unknown = report_unknown
        self._reported: set[Drift] = set()
        self._hooked: dict[Any, bool] = {}

    @property
    def drift(self) -> frozenset[Drift]:
        """The drift seen so far."""
        return frozenset(self._reported)

    def decode(self, data: bytes, into: Any) -> Any:
        """Decode a JSON document.

        Bytes that are not UTF-8 are replaced by U+FFFD and reported as drift.

        Args:
            data: The document in UTF-8.
            into: The type to decode to: a model, a list of models, a union.

        Raises:
            DecodeError: It is not JSON, or does not match the type; carries the path.
        """
        made, steps = self.begin(data, into)
        return made if steps is None else finish(steps)

    def begin(self, data: bytes, into: Any, lean: Any = None) -> tuple[Any, Generator[None, None, Any] | None]:
        """Decode a document of moderate size that matches its schema, as most do.

        Args:
            data: The document in UTF-8.
            into: The type to decode to.
            lean: A type with the same rules and less to make, to decode to instead where the document fits it.

        Returns:
            The decoded document and None; or None, and the steps that decode any other document.
        """
        refusal: DecodeError | None = None
        if is_moderate(data) and not self._report_unknown and not self._has_hook(into):
            try:
                if lean is not None:
                    return decode_certain(data, lean), None
            except DecodeError:
                pass  # what departs from the schema is decoded to models, and reported
            try:
                return decode_certain(data, into), None
            except DecodeError as error:
                refusal = error
        return None, self.decode_steps(data, into, refusal)

    def decode_steps(self, data: bytes, into: Any, refusal: DecodeError | None = None) -> Generator[None, None, Any]:
        """Decode a JSON document as `decode` does, with a pause after each slice of a large one.

        Args:
            data: The document in UTF-8.
            into: The type to decode to.
            refusal: What kept it from being decoded strictly, if that has been tried.

        Raises:
            DecodeError: It is not JSON, or does not match the type; carries the path.
        """
        try:
            made = yield from self._steps(data, into, refusal)
        except DecodeError:
            if is_utf8(data):
                raise
            self.report(Drift(spoken(_item_of(into) or into), "$", "text"))
            data = replaced(data)
            made = yield from self._steps(data, into)
        for owner, key in unknown_keys(data, made) if self._report_unknown else ():
            self.report(Drift(owner, key, "unknown"))
        return made

    def _steps(self, data: bytes, into: Any, refusal: DecodeError | None = None) -> Generator[None, None, Any]:
        if len(data) > AT_ONCE and not self._has_hook(into):
            if refusal is None and is_moderate(data):
                try:
                    return decode_certain(data, into)
                except DecodeError:
                    pass  # what departs from the schema is decoded in slices
            inner = likely_member(data, into)
            yield
            item = _item_of(inner)
            if item is not None:
                return (yield from self._list_steps(data, item))
            if is_model(inner):
                return (yield from self._model_steps(data, inner))
        return (yield from self._at_once(data, into, refusal))

    def _at_once(self, data: bytes, into: Any, refusal: DecodeError | None = None) -> Generator[None, None, Any]:
        if not self._has_hook(into):
            try:
                if refusal is not None:
                    raise refusal
                return decode_certain(data, into)
            except DecodeError as error:
                cause = error.__cause__
                if isinstance(cause, BROKEN) and not isinstance(cause, msgspec.ValidationError):
                    raise  # not JSON at all
                # Well-formed as far as it was read, so tolerant decoding has a say.
                item = _item_of(into)
                if is_model(item):
                    return (yield from self._repaired(data, item, Repairs()))
        return self._decode_tolerantly(data, into)

    def _list_steps(self, data: bytes, item: Any) -> Generator[None, None, list[Any]]:
        """Decode a large array group by group."""
        made: list[Any] = []
        repairs = Repairs()
        try:
            for group, count in groups(data):
                is_large = count == 1 and len(group) > AT_ONCE
                try:
                    if is_large:
                        yield
                        made.append((yield from self._steps(group[1:-1].strip(), item)))
                    elif is_model(item):
                        made += yield from self._group(group, item, repairs)
                    else:
                        made += yield from self._at_once(group, list[item])
                except DecodeError as error:
                    raise moved(error, len(made), single=is_large) from error
                yield
        except BROKEN as error:
            raise DecodeError(*reason(error)) from error
        return made

    def _group(self, group: bytes, item: Any, repairs: Repairs) -> Generator[None, None, list[Any]]:
        try:
            made: list[Any] = decode_certain(group, list[item])
        except DecodeError:
            made = yield from self._repaired(group, item, repairs)
        return made

    def _repaired(self, data: bytes, item: Any, repairs: Repairs) -> Generator[None, None, Any]:
        """Decode an array with mismatches: the items without any take the fast path all the same."""
        made: list[Any] = []
        try:
            raw_items = _items.decode(data)
        except BROKEN as error:
            raise DecodeError(*reason(error)) from error
        for index, raw in enumerate(raw_items):
            document = bytes(raw)
            try:
                made.append(decode_certain(document, item))
                continue
            except DecodeError:
                pass
            if not document.startswith(b"{"):
                return self._decode_tolerantly(data, list[item])  # the list is at fault
            try:
                repairs.count_one()
                made.append(self._decode_tolerantly(document, item))
            except DecodeError as error:
                raise moved(error, index, single=True) from error
            if repairs.is_time_to_pause:
                yield
        return made

    def _model_steps(self, data: bytes, into: Any) -> Generator[None, None, Any]:
        """Decode a large object: its large members in steps, the others together."""
        try:
            keys = keys_of(data)
        except BROKEN as error:
            raise DecodeError(*reason(error)) from error
        yield
        known = shape(into)
        kinds = {field.key: field.hint for field in known.fields}
        if known.more is not None:
            kinds = {**dict.fromkeys(keys, known.more.hint), **kinds}
        document: dict[str, Any] = {}
        for name, raw in keys.items():
            part = bytes(raw)
            if len(part) > AT_ONCE and name in kinds:
                try:
                    document[name] = tolerant.Decoded((yield from self._steps(part, kinds[name])))
                except DecodeError as error:
                    raise DecodeError(error.reason, f"$.{name}{error.path[1:]}") from error
                yield
            elif name in kinds:
                document[name] = _document(part)
        return self._structured(document, into)

    def item_steps(self, data: bytes, into: Any) -> Generator[None, None, list[tuple[bytes, Any]]]:
        """Decode an array item by item, with pauses; an item that cannot be decoded is its `DecodeError`.

        Damaged text costs only the item that it is in.

        Args:
            data: The array.
            into: The type of an item.

        Raises:
            DecodeError: It is not an array.
        """
        made: list[tuple[bytes, Any]] = []
        repairs = Repairs()
        taken = 0
        for raw in (yield from self._raw_items(data)):
            try:
                try:
                    value = None if self._has_hook(into) else decode_certain(raw, into)
                except DecodeError:
                    repairs.count_one()
                    value = None
                made.append((raw, (yield from self.decode_steps(raw, into)) if value is None else value))
            except DecodeError as error:
                made.append((raw, error))
            taken += len(raw)
            if taken > SLICE or repairs.is_time_to_pause:
                taken = 0
                yield
        return made

    def _raw_items(self, data: bytes) -> Generator[None, None, list[bytes]]:
        found: list[bytes] = []
        try:
            for group, _ in groups(data):
                found += map(bytes, _items.decode(group))
                yield
        except BROKEN as error:
            if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
                raise DecodeError(*reason(error)) from error
            return (yield from pieces(data))
        return found

    def member_steps(self, data: bytes) -> Generator[None, None, dict[str, bytes]]:
        """Return the members of an object, of damaged text too.

        Raises:
            DecodeError: It is not an object.
        """
        try:
            return {name: bytes(raw) for name, raw in keys_of(data).items()}
        except BROKEN:
            return (yield from pieces_by_key(data))

    def _has_hook(self, into: Any) -> bool:
        if self._converter is None:
            return False
        hooked = self._hooked.get(into)
        if hooked is None:
            hooked = self._hooked[into] = tolerant.has_hook(self._converter, into)
        return hooked

    def _decode_tolerantly(self, data: bytes, into: Any) -> Any:
        return self._structured(_document(data), into)

    def _structured(self, document: Any, into: Any) -> Any:
        if self._converter is None:
            self._converter = make_converter()
            self._hooked.clear()
        value, drift = tolerant.structure(self._converter, document, into)
        for item in drift:
            self.report(item)
        return value

    def report(self, drift: Drift) -> None:
        """Log drift and call the listener, the first time it is seen."""
        if drift in self._reported or len(self._reported) >= _MOST_DRIFT:
            return
        self._reported.add(drift)
        _LOG.warning("the API departs from its schema: %s", drift)
        if self._on_drift is not None:
            self._on_drift(drift)


def _document(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except BROKEN as error:
        raise DecodeError(*reason(error)) from error


def _item_of(into: Any) -> Any:
    """Return the type of the items of a list; None for other types."""
    return get_args(into)[0] if origin(into) is list else None


def make_converter() -> Converter:
    """Return a converter that knows the models of this package, for your own hooks.

    Register with `register_structure_hook_func(lambda t: t is str, ...)` rather than `register_structure_hook(str,
    ...)`: the latter catches string enums too.

    Example:
        >>> converter = make_converter()
        >>> converter.register_structure_hook(float, lambda value, _: round(value, 3))
        >>> client = EvEnergy(credentials, converter=converter)  # doctest: +SKIP
    """
    return tolerant.TolerantConverter()


_default: Final = Codec()


def decode(data: bytes, into: type[T]) -> T:
    """Decode a JSON document as `Codec.decode` does, without hooks.

    Args:
        data: The document in UTF-8.
        into: The type to decode to.

    Raises:
        DecodeError: It is not JSON, or does not match the type; carries the path.

    Example:
        >>> from ev_energy_async.models import LatLong
        >>> decode(b'{"latitude": 51.5, "longitude": -0.1}', LatLong)
        LatLong(latitude=51.5, longitude=-0.1)
    """
    value: T = _default.decode(data, into)
    return value
