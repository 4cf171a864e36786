"""`ev-energy api`: a command for every operation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import click
import pytest

from ev_energy_async.cli.app import app
from ev_energy_async.cli.rows import operations_of
from ev_energy_async.sandbox.protocol.document import load
from tests.sandbox.writes import WRITES

if TYPE_CHECKING:
    from ev_energy_async.sandbox.protocol.document import Operation
    from tests.sandbox.places import Places

    from .conftest import User

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What others need must not be gone or closed before they were called.
LAST = ("delete", "disconnect", "submit")


def command_of(operation: Operation, target: str) -> list[str]:
    """Return the words that call an operation at a path with a query."""
    path, _, query = target.partition("?")
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.path))
    found = re.fullmatch(pattern, path)
    assert found is not None, (operation.path, path)
    words = ["api", *operation.name.replace("_", "-").split("."), *found.groups()]
    for name, value in parse_qsl(query):
        words += [f"--{name.replace('__', '-').replace('_', '-')}", value]
    return words


async def test_every_operation_that_reads_has_a_command(places: Places, user: User) -> None:
    wrong: dict[str, str] = {}
    reads = [each for each in places.document.operations.values() if each.method == "GET"]
    for operation in reads:
        words = command_of(operation, f"{places.paths(operation)[0]}?{places.query(operation.name)}")
        if operation.user == "required":
            words += ["--user", places.user.id]

        done = await user.runs(*words)

        if done.exit_code or not isinstance(json.loads(done.stdout), list | dict | str):
            wrong[operation.name] = done.stderr
    assert wrong == {}
    assert len(reads) + len(WRITES) == len(places.document.operations)


async def test_every_operation_that_writes_has_a_command(places: Places, user: User) -> None:
    wrong: dict[str, str] = {}
    token = places.client.token
    for name in sorted(WRITES, key=lambda name: (name.partition(".")[2].startswith(LAST), name)):
        places.client.token = token
        target, body, headers = await WRITES[name](places)
        words = command_of(places.document.operations[name], target)
        if name == "regions.create":  # another than that of the group
            body["name"] = "York"
        group, _, short = name.partition(".")
        row, _ = operations_of(group)[short]
        if row.body is not None and row.body() is not None:
            words += ["--body", json.dumps(body)]
        if headers:
            words += ["--user", headers["EvEnergy-User"]]
        user.env["EV_ENERGY_TOKEN"] = places.client.token

        done = await user.runs(*words, "--yes")

        if done.exit_code:
            wrong[name] = done.stderr
    assert wrong == {}


async def test_help_of_every_operation_has_an_example_of_it() -> None:
    api = app.get_command(click.Context(app), "api")
    assert isinstance(api, click.Group)
    seen = 0
    for group_name in api.list_commands(click.Context(api)):
        group = api.get_command(click.Context(api), group_name)
        assert isinstance(group, click.Group)
        for name in group.list_commands(click.Context(group)):
            found = group.get_command(click.Context(group), name)
            assert found is not None
            shown = found.get_help(click.Context(found, info_name=name, parent=click.Context(app)))
            assert f"ev-energy api {group_name} {name}" in shown
            assert "it needs" in " ".join(shown.split())
            assert "`ev." not in shown
            seen += 1
    assert seen == len(load().operations)
