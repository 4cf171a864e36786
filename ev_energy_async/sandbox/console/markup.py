"""HTML as values: what is not `Html` already is escaped, so that no text of a request can start a tag."""

from html import escape
from typing import Final

__all__ = ["VOID", "Html", "document", "joined", "tag"]

VOID: Final = frozenset({"input", "link", "meta"})


class Html(str):
    """Text that is HTML, made by this module."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: Its name.
        children: What is in it: `Html` as it is, anything else escaped; None is nothing.
        attributes: By name, `_` for `-`, with a `_` behind names that Python has (`class_`). True is an attribute
            without a value; False and None are none.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{written}>" if name in VOID else f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: object) -> Html:
    """Return pieces one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(str(each)) for each in children if each is not None))


def document(*, title: str, head: Html, body: Html) -> bytes:
    """Return a complete page."""
    top = joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        head,
    )
    return f"<!doctype html>{tag('html', tag('head', top), body, lang='en')}".encode()
