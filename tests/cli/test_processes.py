"""The command as a process: signals, pipes, the browser, what is imported."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, cast
from urllib.request import urlopen

import pytest
from pyarrow import parquet

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.sandbox import Sandbox

from .conftest import User

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (sys.executable, "-W", "error", "-m", "ev_energy_async.cli")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def test_a_user_logs_in_in_the_browser(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    redirect_uri = f"http://127.0.0.1:{free_port}/callback"
    async with Sandbox(vehicles=2, seed=7, auto_consent=True, redirect_uris=[redirect_uri]) as sandbox:
        user = User(tmp_path, EV_ENERGY_BASE_URL=sandbox.base_url, EV_ENERGY_REDIRECT_URI=redirect_uri)
        pages: list[str] = []

        def browse(url: str) -> bool:
            with urlopen(url) as response:  # noqa: S310  # follows the redirect, as a browser does
                pages.append(response.read().decode())
            return True

        monkeypatch.setattr("webbrowser.open", browse)
        done = await user.runs(
            "login", "--client-id", sandbox.client_id, "--scope", "vehicle:read", "--scope", "user:read"
        )
        assert done.exit_code == 0, done.stderr
        assert "can be closed" in pages[0]
        who = json.loads((await user.runs("whoami")).stdout)
        assert who["login"] == "authorization_code"
        assert who["user"].startswith("user01")
        assert "code=" not in done.output


async def test_ctrl_c_ends_a_command_with_130_and_no_traceback(tmp_path: Path) -> None:
    async with Sandbox(vehicles=2, seed=7) as sandbox:
        env = _environment(sandbox, tmp_path)
        vehicle = next(iter(sandbox.world.vehicles)).id
        words = ("logs", vehicle, "--follow", "--since", "2d")
        process = await asyncio.create_subprocess_exec(*COMMAND, *words, stdout=-1, stderr=-1, env=env)
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline())["sampled_at"]  # it has begun
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
    assert process.returncode == 130
    assert said == b""


async def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path: Path) -> None:
    async with Sandbox(vehicles=300, seed=7) as sandbox:
        command = " ".join((*COMMAND, "fleet", "snapshot", "-o", "jsonl"))
        line = f"{command} | head -1; echo ${{PIPESTATUS[0]}}"
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", line, stdout=-1, stderr=-1, env=_environment(sandbox, tmp_path)
        )
        shown, said = await process.communicate()
    assert said == b""
    first, code = shown.splitlines()
    assert json.loads(first)["id"]
    assert code == b"141"


async def test_sub_sessions_are_followed_as_events_each_once(tmp_path: Path) -> None:
    async with Sandbox(vehicles=20, seed=7) as sandbox:
        env = _environment(sandbox, tmp_path)
        words = ("sessions", "--follow", "--since", "2d", "--checkpoint", str(tmp_path / "sessions.db"))
        process = await asyncio.create_subprocess_exec(*COMMAND, *words, stdout=-1, stderr=-1, env=env)
        assert process.stdout is not None
        events = [json.loads(await process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert process.returncode == 130
        kinds = [(event["event"], event["session"]["id"]) for event in events]
        assert {kind for kind, _ in kinds} <= {"SubSessionStarted", "SubSessionEnded"}
        assert len(set(kinds)) == 4

        # It goes on at its checkpoint; a table has an event a line.
        process = await asyncio.create_subprocess_exec(*COMMAND, *words, "-o", "csv", stdout=-1, stderr=-1, env=env)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"event,at,vehicle_id,what,sub_session_id\n"
        again = (await process.stdout.readline()).decode().strip().split(",")
        process.send_signal(signal.SIGINT)
        await process.communicate()
        # The last event is acknowledged when the next one is asked for.
        assert (f"SubSession{again[0]}", again[-1]) not in kinds[:-1]


# Kills itself at a flush, of which there are many with so few rows.
KILLED = """
import os, signal
from ev_energy_async.cli import export
from ev_energy_async.cli.__main__ import main

class Sink(export.ParquetSink):
    flushes = 0
    def __init__(self, root, *, on_flush=None, **named):
        def note(written):
            on_flush(written)
            Sink.flushes += 1
            if Sink.flushes == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        super().__init__(root, rows=30, on_flush=note, **named)

export.ParquetSink = Sink
main()
"""


@pytest.mark.parametrize(("table", "key"), [("vehicle_status_log", "_ev_key"), ("vehicle", "id")])
async def test_an_export_that_is_killed_is_resumed_without_loss_and_without_a_row_twice(
    table: str, key: str, tmp_path: Path
) -> None:
    # So long ago that hardly a log of that time is still to be stored while the test runs.
    until = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    since = until - dt.timedelta(hours=2)
    bounds = ("--since", since.isoformat(), "--until", until.isoformat())
    read: Any = cast("Any", parquet).read_table

    async with Sandbox(vehicles=130, seed=7) as sandbox:
        env = _environment(sandbox, tmp_path)

        async def exports(program: tuple[str, ...], *more: str) -> int | None:
            words = (*program, "export", table, "--to", str(tmp_path), *more)
            process = await asyncio.create_subprocess_exec(*words, stdout=-1, stderr=-1, env=env)
            _, said = await process.communicate()
            assert process.returncode in {0, -signal.SIGKILL}, said.decode()
            return process.returncode

        killed = (sys.executable, "-c", KILLED)
        assert await exports(killed, *bounds) == -signal.SIGKILL
        assert await exports(killed, "--resume") == -signal.SIGKILL
        assert await exports(COMMAND, "--resume") == 0
        async with EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url) as ev:
            logs = ev.fleet.logs("status", since=since, until=until)
            whole = [log.key async for log in logs] if key == "_ev_key" else [v.id async for v in ev.vehicles.list()]
    assert len(whole) > 120
    assert sorted(read(tmp_path / table)[key].to_pylist()) == sorted(whole)


@pytest.mark.parametrize(("answer", "code", "sent"), [("n", 1, 0), ("y", 0, 1)])
async def test_a_write_is_sent_once_if_the_answer_on_the_terminal_is_yes(
    tmp_path: Path, answer: str, code: int, sent: int
) -> None:
    async with Sandbox(vehicles=2, seed=7) as sandbox:
        vehicle = next(iter(sandbox.world.vehicles)).id
        words = ("api", "vehicles", "update", vehicle, "--body", '{"maximum_charge_limit_percentage": 80}')
        ours, terminal = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *words, stdin=terminal, stdout=-1, stderr=terminal, env=_environment(sandbox, tmp_path)
        )
        os.close(terminal)
        os.write(ours, f"{answer}\n".encode())
        seen = asyncio.create_task(asyncio.to_thread(_read_all, ours))
        shown, _ = await process.communicate()
        said = (await seen).decode()
        assert f"Send PATCH /vehicles/{vehicle}? [y/N]:" in said
        assert ("not sent" in said) == (not sent)
        assert process.returncode == code, said
        assert bool(shown) == bool(sent)
        assert [each.method for each in sandbox.requests].count("PATCH") == sent


async def test_progress_has_a_total_and_the_time_left_and_shows_on_a_terminal_alone(tmp_path: Path) -> None:
    async with Sandbox(vehicles=60, seed=7) as sandbox:
        env = {**_environment(sandbox, tmp_path), "TERM": "xterm", "COLUMNS": "100"}
        words = (*COMMAND, "export", "vehicle_status_log", "--since", "1d", "--to")
        ours, terminal = pty.openpty()
        process = await asyncio.create_subprocess_exec(*words, str(tmp_path / "a"), stdout=-1, stderr=terminal, env=env)
        os.close(terminal)
        seen = asyncio.create_task(asyncio.to_thread(_read_all, ours))
        shown, _ = await process.communicate()
        said = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", (await seen).decode())
        assert json.loads(shown)[0]["table"] == "vehicle_status_log"
        assert re.search(r"vehicle_status_log .*\d+/60 .*ETA", said), said

        process = await asyncio.create_subprocess_exec(*words, str(tmp_path / "b"), stdout=-1, stderr=-1, env=env)
        _, quiet = await process.communicate()
        assert quiet == b""


def _read_all(descriptor: int) -> bytes:
    """Return the output on a terminal until it was closed."""
    parts: list[bytes] = []
    with contextlib.suppress(OSError):  # as Linux says that the other side is gone
        while part := os.read(descriptor, 65536):
            parts.append(part)
    os.close(descriptor)
    return b"".join(parts)


def _environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("EV_ENERGY_")}
    more: dict[str, Any] = {"EV_ENERGY_BASE_URL": sandbox.base_url, "EV_ENERGY_TOKEN": sandbox.issue_token()}
    return {**env, **more, "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}


async def _modules_after(code: str, folder: Path) -> set[str]:
    """The modules that a process has imported when it is done."""
    listed = "import sys; print('\\nloaded', *sorted(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"{code}\n{listed}", stdout=-1, stderr=-1, cwd=folder
    )
    shown, said = await process.communicate()
    assert said == b""
    return set(shown.decode().splitlines()[-1].split())


async def test_help_imports_click_and_its_own_pages_alone(tmp_path: Path) -> None:
    code = "import sys, {0}\ntry: {1}\nexcept SystemExit: pass"
    # What importing the package and showing any help of click's takes.
    least = code.format("ev_energy_async, click", "click.Group('x', help='y').main(['--help'])")
    ours = code.format("ev_energy_async.cli.__main__ as cli", "sys.argv[1:] = ['--help']; cli.main()")
    without, found = await _modules_after(least, tmp_path), await _modules_after(ours, tmp_path)
    assert {name.removeprefix("ev_energy_async.") for name in found - without} == {
        *("_extras", "masking", "cli", "cli.__main__", "cli.app", "cli.formats", "cli.kit", "cli.session")
    }


# What a shell runs to complete `ev-energy api vehicles lis`. zsh completes in an interactive shell alone: what its
# script would show is taken from where it shows it.
COMPLETES: dict[str, str] = {
    "bash": """
        source <(ev-energy completion bash); COMP_WORDS=(ev-energy api vehicles lis) COMP_CWORD=3
        _ev_energy_completion ev-energy; printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        compdef() {}; _describe() { print -l ${(P)3} }; compadd() { print -l $@ }
        eval "$(ev-energy completion zsh)"; words=(ev-energy api vehicles lis) CURRENT=4; _ev_energy_completion
    """,
    "fish": "ev-energy completion fish | source; complete -C 'ev-energy api vehicles lis'",
}


@pytest.mark.parametrize("shell", COMPLETES)
async def test_the_completion_script_works_in_a_real_shell(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} is installed")
    (tmp_path / "ev-energy").write_text(f'#!/bin/sh\nexec {" ".join(map(shlex.quote, COMMAND))} "$@"\n')
    (tmp_path / "ev-energy").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(program, "-c", COMPLETES[shell], stdout=-1, stderr=-1, env=env)
    shown, said = await process.communicate()
    assert re.search(r"^(plain,)?list-status-logs\b", shown.decode(), re.MULTILINE), (shown, said)


@pytest.mark.parametrize(
    ("extra", "package", "words"),
    [
        ("cli", "click", ()),
        ("postgres", "psycopg", ("fleet", "watch", "--checkpoint", "postgres:fleet")),
        ("redis", "redis", ("fleet", "watch", "--checkpoint", "redis:fleet")),
    ],
)
async def test_a_missing_extra_is_named(tmp_path: Path, extra: str, package: str, words: tuple[str, ...]) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from ev_energy_async.cli.__main__ import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *words, stdout=-1, stderr=-1, cwd=tmp_path
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert f"pip install 'ev-energy-async[{extra}]'" in said.decode()
    assert "Traceback" not in said.decode()
