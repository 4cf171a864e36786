"""The command as a process: signals, pipes, the browser, what is imported."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

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


def _environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("EV_ENERGY_")}
    more: dict[str, Any] = {"EV_ENERGY_BASE_URL": sandbox.base_url, "EV_ENERGY_TOKEN": sandbox.issue_token()}
    return {**env, **more, "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}


async def test_help_imports_neither_the_network_nor_the_models(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']; from ev_energy_async.cli.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "slow = {'aiohttp', 'attrs', 'msgspec', 'rich', 'cattrs', 'asyncio', 'ev_energy_async.client'}\n"
        "print('loaded', sorted(slow & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=-1, stderr=-1, cwd=tmp_path)
    shown, said = await process.communicate()
    assert shown.decode().splitlines()[-1] == "loaded []", said.decode()


async def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['click'] = None; from ev_energy_async.cli.__main__ import main; main()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=-1, stderr=-1, cwd=tmp_path)
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "pip install 'ev-energy-async[cli]'" in said.decode()
    assert "Traceback" not in said.decode()
