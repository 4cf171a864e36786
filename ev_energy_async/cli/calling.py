"""One call of an operation by the command line: its arguments, the question before a write, what is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import click
import msgspec

from ev_energy_async.cli.entries import Entry, entries
from ev_energy_async.cli.exits import FAILURE
from ev_energy_async.cli.output import Output, View, show
from ev_energy_async.codec import members, shape
from ev_energy_async.masking import printable
from ev_energy_async.messages import SAFE_METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async import EvEnergy, Page, Paginator
    from ev_energy_async.cli.session import Session
    from ev_energy_async.messages import Handler, Operation, RawResponse, Request

__all__ = ["Call"]

_PAGE: Final = 100
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _DryRun(Exception):
    """A request was made, and is not to be sent."""

    def __init__(self, request: Request[Any]) -> None:
        self.request = request
        super().__init__(request)


async def _dry(request: Request[Any], _: Handler) -> RawResponse:
    raise _DryRun(request)


class Call:
    """A call.

    Args:
        session: The run.
        operation: What is called.
        given: Its parameters, and how to call it: `body`, `every`, `most`, `dry_run`, `yes`.
    """

    def __init__(self, session: Session, operation: Operation[Any], given: Mapping[str, Any]) -> None:
        self._session = session
        self._operation = operation
        self._every = bool(given.get("every"))
        self._most: int | None = given.get("most")
        self._dry_run = bool(given.get("dry_run"))
        self._yes = bool(given.get("yes"))
        self._path = [given[each.name] for each in operation.path_params]
        self._named = {
            each.name: _as_listed(given[each.name], each.values)
            for each in (*operation.query, *operation.headers)
            if given[each.name] is not None and given[each.name] != ()
        }
        is_paged = any(each.name == "page_size" for each in operation.query)
        if is_paged and self._most is not None and self._most < _PAGE:
            self._named.setdefault("page_size", self._most)
        self._body = [] if given.get("body") is None else [_read_body(given["body"])]
        if not self._body and operation.body is not None and operation.body() is not None:
            raise click.UsageError("it needs --body; --describe shows the fields")

    def confirm(self) -> None:
        """Ask before a write, on a terminal; elsewhere it needs `--yes`.

        Raises:
            Exit: The answer is no.
            UsageError: Nobody can be asked.
        """
        if self._operation.method in SAFE_METHODS or self._yes or self._dry_run or self._session.settings.read_only:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(
                f"{self._operation.name} writes: repeat it with --yes, since nobody can be asked here"
            )
        path = self._operation.path
        for param, value in zip(self._operation.path_params, self._path, strict=True):
            path = path.replace(f"{{{param.wire or param.name}}}", printable(str(value)))
        if not click.confirm(f"Send {self._operation.method} {path}?", err=True):
            self._session.note("not sent")
            click.get_current_context().exit(FAILURE)

    async def run(self) -> None:
        """Make the call and write what it returns."""
        if self._dry_run:
            await self._show_request()
            return
        async with self._session.client() as ev:
            if self._operation.is_list:
                await self._write_list(self._bound(ev)(*self._path, *self._body, **self._named))
            else:
                await self._write_one(ev)

    def _bound(self, ev: EvEnergy) -> Any:
        group, _, name = self._operation.name.partition(".")
        return getattr(getattr(ev, group), name)

    async def _show_request(self) -> None:
        async with self._session.settings.client(middleware=(_dry,), read_only=False) as ev:
            try:
                await self._bound(ev).with_response(*self._path, *self._body, **self._named)
            except _DryRun as stopped:
                request = stopped.request
            else:
                raise AssertionError("the request was sent")
            headers = dict(request.headers)
            if ev.user_id is not None and self._operation.user != "none":
                headers["EvEnergy-User"] = f"{ev.base_url}/users/{ev.user_id}"
            if ev.has_credentials:
                headers["Authorization"] = "Bearer ***"
            url = ev.base_url + request.target
        body = None if request.body is None else msgspec.Raw(request.body)
        found = {"method": request.method, "url": url, "headers": headers, "body": body}
        lines = [f"{request.method} {url}", *(f"{name}: {value}" for name, value in headers.items())]
        text = "" if request.body is None else f"\n\n{msgspec.json.format(request.body, indent=2).decode()}"
        show(self._session, found, "\n".join(lines) + text)

    async def _write_list(self, paginator: Paginator[Any]) -> None:
        view = View(model=self._item_type(), expand=self._named.get("expand", ()))
        left, has_more = self._most, False
        with Output(self._session, view) as output, self._session.progress(self._operation.name) as bar:
            async for page in paginator.pages():
                chunk = self._entries(page)[:left]
                output.write(chunk)
                bar.advance(len(chunk))
                left = None if left is None else left - len(chunk)
                if left == 0 or not (self._every or left):
                    has_more = page.next_cursor is not None or len(chunk) < len(page)
                    break
        if has_more:
            self._session.note(f"{output.count:,} shown, there are more: --all, or --limit N")

    def _item_type(self) -> Any:
        """Return the type of the items of a list."""
        operation = self._operation
        into = None if operation.into is None else operation.into()
        if operation.items is None:
            return into
        [hint] = [each.hint for each in shape(into).fields if each.key == operation.items]
        [items] = [get_args(kind)[0] for kind in members(hint) if get_origin(kind) is list]
        return items

    def _entries(self, page: Page[Any]) -> list[Entry]:
        """Return the items of a page as the API sent them."""
        key, body = self._operation.items, page.response.body
        raw = _items.decode(body if key is None else _members.decode(body).get(key, b"[]"))
        if len(raw) != len(page):
            return entries(page)
        return [Entry(bytes(each), model) for each, model in zip(raw, page, strict=True)]

    async def _write_one(self, ev: EvEnergy) -> None:
        response = await self._bound(ev).with_response(*self._path, *self._body, **self._named)
        data: Any = response.data
        if data is None:
            self._session.note(f"done ({response.status})")
        elif isinstance(data, str):
            show(self._session, data, data)
        else:
            is_list = response.body.lstrip().startswith(b"[")
            kind: tuple[Any, ...] = get_args(self._operation.type_for(response.status)) if is_list else ()
            view = View(
                model=kind[0] if kind else type(data),
                expand=self._named.get("expand", ()),
                is_list=is_list,
            )
            with Output(self._session, view) as output:
                if is_list:
                    output.write([Entry(bytes(each)) for each in _items.decode(response.body)])
                else:
                    output.write([Entry(response.body, data)])


def _as_listed(value: Any, values: tuple[str | int, ...]) -> Any:
    """Return a choice, or several, as the document lists them: click gives text."""
    is_several = value.__class__ is tuple
    given: Any = value if is_several else (value,)
    listed = {str(each): each for each in values}
    chosen = [listed[each] if listed else each for each in given]
    return chosen if is_several else chosen[0]


def _read_body(given: str) -> Any:
    """Return the body of a request: of a file, of stdin, or the text itself."""
    where = "--body"
    if given == "-":
        text: bytes | str = sys.stdin.buffer.read()
    elif given.startswith("@"):
        where = given[1:]
        text = Path(where).expanduser().read_bytes()
    else:
        text = given
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{where} is not JSON: {error}") from None
