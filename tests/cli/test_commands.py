"""Logs, sessions, fleets, checkpoints, webhooks: what each command promises in its help."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, cast

import click
import pytest
import pytest_asyncio
from aiohttp import web
from pyarrow import parquet

from ev_energy_async import SqliteCheckpoint
from ev_energy_async.checkpoint import CheckpointError
from ev_energy_async.cli.app import app
from ev_energy_async.cli.kit import Command, Group
from ev_energy_async.devices import DEVICES
from ev_energy_async.sandbox.faults import FaultPlan, plan_of
from ev_energy_async.webhooks import WebhookVerifier
from tests.documentation.pages import ROOT, fences_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ev_energy_async.checkpoint import Advance
    from tests.sandbox.places import Places

    from .conftest import User

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "whsec_dGhlLXNhbmRib3gtd2ViaG9vay1zZWNyZXQ="
# These need a browser, a receiver or a Ctrl+C: they have tests of their own.
WITHOUT = ("login", "logout", "webhooks", "sandbox")


def commands(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield all commands but those of the API's operations, with their names."""
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        yield (*before, name), found
        if isinstance(found, click.Group) and name != "api":
            yield from commands(found, *before, name)


EXAMPLES = [
    example
    for names, found in [((), app), *commands(app)]
    if not set(names) & set(WITHOUT)
    for example in getattr(found, "examples", ())
    # Of databases there are tests in `tests/services`.
    if not any(f"ev-energy {name}" in example for name in WITHOUT) and "postgres:" not in example
]


DOCUMENTED = [
    line
    for fence in fences_of(ROOT / "docs" / "command-line.md", language="sh")
    if not fence.excuse
    for line in fence.code.splitlines()
]


async def test_every_command_has_help_with_an_example() -> None:
    for names, found in commands(app):
        assert found.help, names
        assert found.get_short_help_str(200), names
        if isinstance(found, Command | Group):
            assert found.examples, names
            assert all(each.startswith(f"ev-energy {names[0]}") for each in found.examples), names


@pytest.fixture(scope="module")
def sandbox_clock() -> None:
    """None: the command line lives in the time of the machine."""


@pytest_asyncio.fixture(loop_scope="module")
async def with_a_checkpoint(user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.json").write_text('{"maximum_charge_limit_percentage": 80}')
    done = await user.runs("fleet", "watch", "--cycles", "1", "--checkpoint", "fleet.db")
    assert done.exit_code == 0, done.stderr
    return user


@pytest.mark.parametrize("example", list(dict.fromkeys([*EXAMPLES, *DOCUMENTED])))
async def test_the_examples_of_the_help_and_of_the_guide_run(
    places: Places, with_a_checkpoint: User, example: str
) -> None:
    line = example.partition(" > ")[0].partition(" >> ")[0]
    for found in (next(iter(places.world.vehicles)).id, next(iter(places.world.evses)).id):
        line = re.sub(rf"\b{found[:4]}01[0-9A-Z]{{24}}\b", found, line)
    words = shlex.split(line)[1:]
    if "--from" in words or "--resume" in words:
        made = await with_a_checkpoint.runs("export", "vehicle_status_log", "--since", "1h", "--to", "lake")
        assert made.exit_code == 0, made.output
    if words[:2] == ["fleet", "watch"] and "--cycles" not in words:
        words += ["--cycles", "1"]
    if "--follow" in words:
        words = [*words[: words.index("--follow")], "--limit", "1"]

    done = await with_a_checkpoint.runs(*words)

    # Of what was never read the coverage is incomplete.
    assert done.exit_code in ({7} if words[1:2] == ["coverage"] else {0}), done.output
    assert done.stdout or "copied" in done.stderr


async def test_an_export_goes_on_where_vehicles_could_not_be_read(places: Places, user: User, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    words = ("export", "vehicle_status_log", "--to", str(root))
    logs = next(each.id for each in places.world.vehicles if each.integrated == "ACTIVE")
    broken = {"rules": [{"path": f"/vehicles/{logs}/status_logs", "effect": "malformed_json"}]}
    places.sandbox.faults = plan_of(broken)
    interrupted = await user.runs(*words, "--since", "1d")
    places.sandbox.faults = FaultPlan()
    assert interrupted.exit_code == 7, interrupted.output
    done = await user.runs(*words, "--resume")
    assert done.exit_code == 0, done.stderr
    table: Any = cast("Any", parquet).read_table(root / "vehicle_status_log")
    keys = table["_ev_key"].to_pylist()
    assert len(keys) == len(set(keys))
    assert any(key.startswith(logs) for key in keys)
    assert "nothing to resume" in (await user.runs(*words, "--resume")).stderr


@pytest.mark.parametrize("kind", [kind for kind, row in DEVICES.items() if row.is_shown])
async def test_a_snapshot_shows_the_devices_of_a_kind(user: User, kind: str) -> None:
    shown = await user.runs("fleet", "snapshot", "--kind", kind, "-o", "json")
    listed = await user.runs("api", kind, "list", "--expand", "latest_status_log", "-o", "json")

    assert (shown.exit_code, listed.exit_code) == (0, 0), shown.output
    assert json.loads(shown.stdout) == json.loads(listed.stdout)


async def test_logs_are_those_of_the_device_and_its_kind(places: Places, user: User) -> None:
    vehicle = next(it.id for it in places.world.vehicles if it.integrated == "ACTIVE")
    newest = json.loads((await user.runs("logs", vehicle, "--limit", "3")).stdout)
    turned = json.loads((await user.runs("logs", vehicle, "--limit", "3", "--oldest-first")).stdout)
    assert newest == turned[::-1]
    everything = json.loads((await user.runs("logs", vehicle, "--since", "3d")).stdout)
    assert everything[:3] == newest
    day = json.loads((await user.runs("logs", vehicle, "--since", "2d", "--until", "1d")).stdout)
    assert day
    assert all(log in everything for log in day)
    for device in (next(iter(places.world.ct_clamps)).id, places.first("home_batteries")):
        done = await user.runs("logs", device, "--limit", "1")
        assert len(json.loads(done.stdout)) == 1, done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("logs", "nothing"), "expected the ID of a device"),
        (("logs", "user01HN2NJ9NMRZBXT1H6FT9N7735"), "expected the ID of a device"),
        (("logs", "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", "--kind", "ocpp"), "status, error, command, location"),
        (("logs", "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", "--since", "soon"), "is no time"),
        (("logs", "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", "--follow", "--limit", "2"), "--follow goes"),
        (("api", "vehicels", "list"), "Did you mean vehicles"),
        (("api", "vehicles", "lists"), "Did you mean list"),
        (("api", "vehicles", "create"), "--body"),
        (("api", "vehicles", "create", "--body", "{", "--yes"), "is not JSON"),
        (("api", "vehicles", "delete", "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"), "--yes"),
        (("api", "vehicles", "list", "--page-size", "1000"), "1<=x<=100"),
        (("fleet", "coverage", "--checkpoint", "nowhere.db"), "expected an existing SQLite file"),
        (("fleet", "watch", "--checkpoint", "postgres:fleet"), "set EV_ENERGY_POSTGRES_DSN"),
        (("fleet", "watch", "--checkpoint", "redis://:secret@h/0"), "the address of a database is a setting"),
        (("fleet", "report", "--out", "x", "--checkpoint", "redis:fleet"), "set EV_ENERGY_REDIS_URL"),
        (("sessions", "--follow", "--checkpoint", "postgresql://u:secret@h/db"), "the address of a database is a"),
        (("checkpoint", "show", "postgres://u:secret@h/db"), "the address of a database is a setting"),
        (("checkpoint", "show", "postgresql://u:secret@h/db"), "the address of a database is a setting"),
        (("checkpoint", "show", "redis://:secret@h/0"), "the address of a database is a setting"),
        (("webhooks", "verify", "--body", "x"), "EV_ENERGY_WEBHOOK_SECRET"),
        (("--read-only", "api", "vehicles", "delete", "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"), "the client is read-only"),
    ],
)
async def test_wrong_usage_is_named_and_nothing_is_sent(
    places: Places, user: User, words: tuple[str, ...], expected: str
) -> None:
    before = len(places.sandbox.requests)
    done = await user.runs(*words)
    assert done.exit_code == 2
    assert expected in done.stderr
    assert "secret@" not in done.stderr
    assert len(places.sandbox.requests) == before


async def test_a_dry_run_prints_the_request_without_secrets(places: Places, user: User) -> None:
    vehicle = next(iter(places.world.vehicles)).id
    before = len(places.sandbox.requests)
    body = '{"maximum_charge_limit_percentage": 80}'
    done = await user.runs("api", "vehicles", "update", vehicle, "--body", "-", "--dry-run", "--read-only", stdin=body)
    found = json.loads(done.stdout)
    assert (found["method"], found["url"]) == ("PATCH", f"{places.sandbox.base_url}/vehicles/{vehicle}")
    assert found["body"] == json.loads(body)
    assert found["headers"]["Authorization"] == "Bearer ***"
    assert str(user.env["EV_ENERGY_TOKEN"]) not in done.output
    assert len(places.sandbox.requests) == before


VEHICLE = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


@pytest.mark.parametrize(
    ("words", "fault", "code", "said"),
    [
        (("api", "vehicles", "list"), None, 0, ""),
        (("api", "vehicles", "list"), {"effect": "malformed_json"}, 1, "$"),
        (("api", "vehicles", "get", VEHICLE), None, 3, "404"),
        (("api", "vehicles", "list", "--page-size", "0"), None, 2, "--page-size"),
        (("api", "vehicles", "list"), {"effect": {"kind": "rate_limited", "retry_after_seconds": 3000}}, 5, "429"),
        (("api", "vehicles", "reconnect", "{}", "--yes"), {"effect": "reset_after"}, 6, "Look whether"),
    ],
)
async def test_each_failure_has_its_exit_code_one_error_and_no_data(
    places: Places, user: User, words: tuple[str, ...], fault: dict[str, Any] | None, code: int, said: str
) -> None:
    vehicle = next(iter(places.world.vehicles)).id
    places.sandbox.faults = FaultPlan() if fault is None else plan_of({"rules": [fault]})
    try:
        done = await user.runs(*(word.format(vehicle) for word in words))
    finally:
        places.sandbox.faults = FaultPlan()
    assert done.exit_code == code, done.output
    assert bool(done.stdout) == (code == 0)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_refused_token_is_an_authentication_error_that_says_how_to_log_in(user: User) -> None:
    user.env["EV_ENERGY_TOKEN"] = "refused"
    done = await user.runs("api", "vehicles", "list")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "ev-energy login" in done.stderr


async def test_quiet_says_errors_alone_and_verbose_what_happens(user: User) -> None:
    words = ("api", "vehicles", "list", "--page-size", "2")
    said = {flag: (await user.runs(*words, *([flag] if flag else []))).stderr for flag in ("", "-q", "-v", "-vv")}
    assert "there are more" in said[""]
    assert said["-q"] == ""
    assert "debug:" not in said["-v"]
    assert re.search(r"debug: .*GET /vehicles", said["-vv"])
    assert str(user.env["EV_ENERGY_TOKEN"]) not in said["-vv"]
    user.env["EV_ENERGY_TOKEN"] = "refused"
    assert (await user.runs(*words, "-q")).stderr.startswith("error:")


async def test_no_color_takes_the_colour_from_help_and_errors(user: User) -> None:
    for words in (("--help",), ("api", "vehicles", "get", VEHICLE)):
        assert "\x1b[" in (await user.runs(*words, color=True)).output
        user.env["NO_COLOR"] = "1"
        assert "\x1b" not in (await user.runs(*words, color=True)).output
        user.env["NO_COLOR"] = None


async def test_a_watch_goes_on_at_its_checkpoint_which_can_be_shown_and_copied(
    places: Places, with_a_checkpoint: User
) -> None:
    user = with_a_checkpoint
    again = await user.runs("fleet", "watch", "--cycles", "1", "--checkpoint", "fleet.db")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert {event["event"] for event in events} <= {"CycleFinished", "StatusLogged", "ErrorLogged"}
    assert events[-1]["vehicles"] == len(list(places.world.vehicles))
    assert (await user.runs("checkpoint", "copy", "fleet.db", "copy.db")).exit_code == 0
    shown, copied = [json.loads((await user.runs("checkpoint", "show", f"{it}.db")).stdout) for it in ("fleet", "copy")]
    assert shown["owner"] == copied["owner"]
    assert shown["streams"] == copied["streams"]
    refused = await user.runs("checkpoint", "copy", "fleet.db", "copy.db")
    assert (refused.exit_code, "without a checkpoint" in refused.stderr) == (2, True)


async def test_a_copy_that_was_interrupted_is_refused_by_watches_and_can_be_repeated(
    with_a_checkpoint: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, advance_all, sizes = with_a_checkpoint, SqliteCheckpoint.advance_all, list[int]()

    async def advance_until_the_disk_is_full(self: SqliteCheckpoint, changes: Sequence[Advance]) -> Sequence[int]:
        sizes.append(len(changes))
        if len(sizes) == 3:
            raise CheckpointError("the disk is full")
        return await advance_all(self, changes)

    monkeypatch.setattr("ev_energy_async.cli.checkpoint._AT_ONCE", 7)
    monkeypatch.setattr(SqliteCheckpoint, "advance_all", advance_until_the_disk_is_full)
    cut = await user.runs("checkpoint", "copy", "fleet.db", "copy.db")
    assert (cut.exit_code, sizes) == (1, [7, 7, 7])
    monkeypatch.setattr(SqliteCheckpoint, "advance_all", advance_all)

    watched = await user.runs("fleet", "watch", "--cycles", "1", "--checkpoint", "copy.db")
    assert (watched.exit_code, "an unfinished copy" in watched.stderr) == (1, True)
    for words in (("fleet", "coverage", "--checkpoint", "copy.db"), ("checkpoint", "copy", "copy.db", "more.db")):
        refused = await user.runs(*words)
        assert (refused.exit_code, "repeat `checkpoint copy`" in refused.stderr) == (2, True)

    # Meanwhile the source has gone on: what it holds no longer is not left in the copy.
    async with SqliteCheckpoint("fleet.db") as old:
        [(gone, entry), *_] = [each async for each in old.entries()]
        await old.advance(gone, entry.version, None)
    again = await user.runs("checkpoint", "copy", "fleet.db", "copy.db")
    assert (again.exit_code, "warning" in again.stderr) == (0, False), again.output
    async with SqliteCheckpoint("fleet.db") as old, SqliteCheckpoint("copy.db") as new:
        assert await old.owner() == await new.owner()
        kept = {key: each.value async for key, each in old.entries()}
        assert kept == {key: each.value async for key, each in new.entries()}


async def test_a_delivery_that_is_sent_can_be_verified(user: User, tmp_path: Path) -> None:
    user.env["EV_ENERGY_WEBHOOK_SECRET"] = SECRET
    received: list[tuple[bytes, dict[str, str]]] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        received.append((await request.read(), dict(request.headers)))
        return web.Response(status=204 if len(received) == 1 else 500, text="" if len(received) == 1 else "\x1b[2Jno")

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        done = await user.runs("webhooks", "send", url)
        assert done.exit_code == 0, done.stderr
        refused = await user.runs("webhooks", "send", url, "--body", "{}")
        assert refused.exit_code == 1
        assert "\x1b" not in refused.output
    finally:
        await runner.cleanup()

    body, headers = received[0]
    assert WebhookVerifier(SECRET).verify(body, headers).payload.type == "charging_sub_session.ended"
    (tmp_path / "body").write_bytes(body)
    words = ["webhooks", "verify", "--body", f"@{tmp_path / 'body'}"]
    for name, value in headers.items():
        if name.startswith("svix"):
            words += ["-H", f"{name}: {value}"]
    verified = await user.runs(*words)
    assert json.loads(verified.stdout)["payload"] == json.loads(body)
    (tmp_path / "body").write_bytes(body + b" ")
    changed = await user.runs(*words)
    assert (changed.exit_code, "no signature matches" in changed.stderr) == (1, True)


async def test_completion_knows_the_operations_of_the_api(stranger: User) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_EV_ENERGY_COMPLETE" in stranger.types("completion", shell).stdout
    stranger.env |= {
        "_EV_ENERGY_COMPLETE": "bash_complete",
        "COMP_WORDS": "ev-energy api vehicles lis",
        "COMP_CWORD": "3",
    }
    assert "plain,list-status-logs" in stranger.types().stdout
