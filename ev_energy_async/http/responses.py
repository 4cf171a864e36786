"""From a complete response to the data of a call, or to the error that it means.

The pipeline calls `data_of` once for each call. Nothing here sends anything.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from email.message import Message
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ev_energy_async import codec as codec_package
from ev_energy_async import errors
from ev_energy_async.http.aiohttp_guards import is_cut_off
from ev_energy_async.http.retry import retry_after
from ev_energy_async.http.transport import lost
from ev_energy_async.masking import drop_frames
from ev_energy_async.messages import BadItem
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import Generator

    from ev_energy_async.clock import Clock
    from ev_energy_async.codec import Codec
    from ev_energy_async.messages import Operation, RawResponse, Request

__all__ = ["NO_CONTENT", "SUCCESSES", "data_of"]

SUCCESSES: Final = range(200, 300)
NO_CONTENT: Final = 204
# Those that name another place (RFC 9110, section 15.4); 304 is no redirect.
_REDIRECTS: Final = frozenset({300, 301, 302, 303, 307, 308})
_NOT_MODIFIED: Final = 304

T = TypeVar("T")


async def data_of(request: Request[T], response: RawResponse, codec: Codec, clock: Clock) -> T:
    """Return the decoded data of a response; the event loop runs between the slices of a large body.

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
    elif response.status not in SUCCESSES and not (response.status == _NOT_MODIFIED and _declares(operation)):
        raise _error(request, response, clock)
    else:
        into = operation.type_for(response.status)
        if into is None or (not response.body and response.status == NO_CONTENT):
            data = None
        elif into is bytes:
            data = response.body
        elif into is str and operation.accept.startswith("text/"):
            data = _text(response)
        else:
            outer = sys.exc_info()[1]
            try:
                data, steps = codec.begin(_picked(request, response), into, request.lean)
                if steps is not None:
                    data = await _run(steps)
            except errors.DecodeError as error:
                # The codec's frames hold the body, in which there may be a presigned URL or personal data.
                drop_frames(error, outer)
                data = await _good_part(request, response, codec, error)
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


def _declares(operation: Operation[Any]) -> bool:
    """Whether a response to the effect that nothing has changed is one that the operation speaks of."""
    return operation.by_status is not None and _NOT_MODIFIED in operation.by_status()


def _text(response: RawResponse) -> str:
    """Return a body that is text, in the character set of its media type (RFC 9110, section 8.3.2)."""
    found = Message()
    found["Content-Type"] = response.headers.get("Content-Type", "text/plain")
    charset = found.get_content_charset("utf-8")
    try:
        return response.body.decode(charset)
    except (UnicodeDecodeError, LookupError) as error:
        raise errors.DecodeError(f"the response is no text in {charset}", response=response) from error


def _picked(request: Request[Any], response: RawResponse) -> bytes:
    """Return the part of a body that is to be decoded. No frame of a caller holds it: error trackers record those."""
    if request.pick is None or request.operation.items is not None:
        return response.body
    return codec_package.picked(response.body, request.pick)


async def _run(steps: Generator[None, None, T]) -> T:
    """Run decoding to its end, and the event loop at each of its pauses."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)


async def _good_part(request: Request[Any], response: RawResponse, codec: Codec, first: errors.DecodeError) -> Any:
    """Return a page of which some items cannot be decoded, treated as the call's options say.

    Raises:
        DecodeError: It is no page, or not even JSON; what was wrong with it first.
        TransportError: Its end is missing.
    """
    if is_cut_off(response.headers, response.body):
        raise lost(request, errors.ConnectionFailed, "the connection broke off within the body", sent=True) from first
    kind = response.headers.get("Content-Type", "")
    if "json" not in kind:
        reason = f"the response is {kind or 'of no content type'}, not JSON ({first.reason})"
        raise errors.DecodeError(reason, first.path, response) from first
    if not request.operation.is_list:
        raise errors.DecodeError(first.reason, first.path, response) from first
    key = request.operation.items
    into: Any = request.operation.into() if request.operation.into is not None else Any
    try:
        if key is None:
            return await _good_items(request, response, codec, _picked(request, response), into, "$")
        # The items are a member of an object: they are decoded apart from it.
        members = await _run(codec.member_steps(response.body))
        items = await _good_items(request, response, codec, members[key], _item_type(into, key), f"$.{key}")
        rest = {name: msgspec.Raw(part) for name, part in members.items() if name != key}
        page: Any = codec.decode(msgspec.json.encode({**rest, key: []}), into)
    except (errors.DecodeError, KeyError) as error:
        if isinstance(error, errors.DecodeError) and error.items is not None:
            raise
        raise errors.DecodeError(first.reason, first.path, response) from first
    setattr(page, key, items)
    return page


async def _good_items(
    request: Request[Any], response: RawResponse, codec: Codec, body: bytes, into: Any, path: str
) -> list[Any]:
    on_bad_item = request.options.on_bad_item
    good: list[Any] = []
    failure: errors.DecodeError | None = None
    for index, (raw, item) in enumerate(await _run(codec.item_steps(body, into))):
        if not isinstance(item, errors.DecodeError):
            good.append(item)
        elif on_bad_item == "skip":
            codec.report(codec_package.Drift(getattr(into, "__name__", str(into)), "[]", "undecodable"))
        elif on_bad_item == "raise":
            failure = failure or errors.DecodeError(item.reason, f"{path}[{index}]{item.path[1:]}", response)
        else:
            replacement = on_bad_item(BadItem(index, raw, item.reason, item.path))
            if replacement is not UNSET:
                good.append(replacement)
    if failure is not None:
        failure.items = good
        raise failure
    return good


def _item_type(into: Any, key: str) -> Any:
    """Return the type of the items that stand under a key of a model."""
    kinds = get_args(get_type_hints(into)[key])
    return next(get_args(kind)[0] for kind in kinds if get_origin(kind) is list)
