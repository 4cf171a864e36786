"""Finds the operation that a method and a raw path mean."""

import re
from collections import defaultdict
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import unquote

from ev_energy_async.sandbox.protocol.document import Document, Operation
from ev_energy_async.sandbox.protocol.problems import Problem, not_found

_VARIABLE: Final = re.compile(r"\{(\w+)\}")


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    methods: dict[str, Operation]


class Routes:
    """All operations by method and path.

    Matched is the raw path, so that a percent-encoded colon or slash is a character of an ID and never syntax.
    """

    def __init__(self, document: Document) -> None:
        templates: dict[str, dict[str, Operation]] = defaultdict(dict)
        for operation in document.operations.values():
            templates[operation.path][operation.method] = operation
        self._templates: dict[tuple[int, str], list[_Template]] = defaultdict(list)
        # Literal text wins over a variable that would take it in: `{id}:submit` goes before `{id}`.
        for path in sorted(templates, key=lambda path: -len(_VARIABLE.sub("", path))):
            self._templates[_place(path)].append(_Template(_pattern(path), templates[path]))

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation and the decoded variables of a path below the base URL; HEAD is what GET is.

        Raises:
            Problem: 404 for an unknown path, 405 with `Allow` for a known one that does not take the method.
        """
        template, match = self._match(path)
        operation = template.methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{method} is not possible here.",
                headers={"Allow": _allowed(template)},
            )
        return operation, {name: unquote(value) for name, value in match.groupdict().items()}

    def allowed(self, path: str) -> str:
        """Return the methods that a path takes, as the value of `Allow` (RFC 9110, section 10.2.1).

        Raises:
            Problem: 404 for an unknown path.
        """
        return _allowed(self._match(path)[0])

    def _match(self, path: str) -> tuple[_Template, re.Match[str]]:
        for template in self._templates.get(_place(path), ()):
            if match := template.pattern.fullmatch(path):
                return template, match
        raise not_found("There is nothing at this path.")


def _allowed(template: _Template) -> str:
    more = {"OPTIONS", "HEAD"} if "GET" in template.methods else {"OPTIONS"}
    return ", ".join(sorted(more.union(template.methods)))


def _pattern(path: str) -> re.Pattern[str]:
    pieces = _VARIABLE.split(path)  # literal, name, literal, name, ...
    return re.compile(
        "".join(f"(?P<{piece}>[^/]+)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces))
    )


def _place(path: str) -> tuple[int, str]:
    """Return the key that all paths of a template share: the number of segments and the first one."""
    segments = path.split("/")
    return len(segments), segments[1]
