"""From a complete response to the data of a call, or to the error that it means.

The pipeline calls `data_of` once for each call. Nothing here sends anything.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ev_energy_async import errors
from ev_energy_async.codec import Drift, decode_strict
from ev_energy_async.http.retry import retry_after
from ev_energy_async.messages import BadItem
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from ev_energy_async.clock import Clock
    from ev_energy_async.codec import Codec
    from ev_energy_async.messages import RawResponse, Request

__all__ = ["NO_CONTENT", "SUCCESSES", "data_of"]

SUCCESSES: Final = range(200, 300)
NO_CONTENT: Final = 204
_REDIRECTS: Final = range(300, 400)

T = TypeVar("T")


def data_of(request: Request[T], response: RawResponse, codec: Codec, clock: Clock) -> T:
    """Return the decoded data of a response.

    Raises:
        ApiError: The status means failure.
        DecodeError: The body cannot be understood.
    """
    operation = request.operation
    data: Any
    if operation.location and response.status in _REDIRECTS:
        location = response.headers.get("Location")
        if not location:
            raise errors.DecodeError("a redirect without an address", "Location", response)
        data = location
    elif response.status not in SUCCESSES:
        raise _error(request, response, clock)
    elif operation.into is None or (not response.body and response.status == NO_CONTENT):
        data = None
    else:
        data = _decoded(request, response, codec)
    result: T = data
    return result


def _error(request: Request[Any], response: RawResponse, clock: Clock) -> errors.ApiError:
    error = errors.error_for(response)
    now = clock.now()
    wait = retry_after(response.status, response.headers, now)
    error.retry_at = request.options.record.retry_at
    if wait is not None:
        error.retry_at = now + dt.timedelta(seconds=wait)
    if isinstance(error, errors.RateLimited):
        error.retry_after = wait
    return error


def _decoded(request: Request[Any], response: RawResponse, codec: Codec) -> Any:
    operation = request.operation
    try:
        return codec.decode(response.body, operation.answer_type())
    except errors.DecodeError as error:
        kind = response.headers.get("Content-Type", "")
        if "json" not in kind:
            reason = f"the response is {kind or 'of no content type'}, not JSON ({error.reason})"
            raise errors.DecodeError(reason, error.path, response) from error
        if operation.is_list and error.path.startswith("$[" if operation.items is None else f"$.{operation.items}["):
            return _good_part(request, response, codec, error)
        raise errors.DecodeError(error.reason, error.path, response) from error


def _good_part(request: Request[Any], response: RawResponse, codec: Codec, first: errors.DecodeError) -> Any:
    """Return a page of which some items cannot be decoded, treated as the call's options say."""
    key = request.operation.items
    into: Any = request.operation.into() if request.operation.into is not None else Any
    if key is None:
        return _good_items(request, response, codec, response.body, into, first)
    # The items stand in an object: they are decoded apart from it.
    members: dict[str, msgspec.Raw] = decode_strict(response.body, dict[str, msgspec.Raw])
    items = _good_items(request, response, codec, bytes(members[key]), _item_type(into, key), first)
    page: Any = codec.decode(msgspec.json.encode({**members, key: []}), into)
    setattr(page, key, items)
    return page


def _good_items(
    request: Request[Any], response: RawResponse, codec: Codec, body: bytes, into: Any, first: errors.DecodeError
) -> list[Any]:
    on_bad_item = request.options.on_bad_item
    good: list[Any] = []
    for index, (raw, item) in enumerate(codec.decode_items(body, into)):
        if not isinstance(item, errors.DecodeError):
            good.append(item)
        elif on_bad_item == "skip":
            codec.report(Drift(getattr(into, "__name__", str(into)), "[]", "undecodable"))
        elif on_bad_item != "raise":
            replacement = on_bad_item(BadItem(index, raw, item.reason, item.path))
            if replacement is not UNSET:
                good.append(replacement)
    if on_bad_item == "raise":
        failure = errors.DecodeError(first.reason, first.path, response)
        failure.items = good
        raise failure from first
    return good


def _item_type(into: Any, key: str) -> Any:
    """Return the type of the items that stand under a key of a model."""
    kinds = get_args(get_type_hints(into)[key])
    return next(get_args(kind)[0] for kind in kinds if get_origin(kind) is list)
