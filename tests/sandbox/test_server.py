"""Starting, stopping, stepping: the sandbox as a thing to run."""

import asyncio
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import aiohttp
import pytest

from ev_energy_async.sandbox import RealClock, Sandbox, SteppedClock

from .conftest import START, Client

ROOT = Path(__file__).parents[2]


async def test_it_starts_fast_enough_for_every_test_to_have_its_own() -> None:
    async with Sandbox(vehicles=1):
        pass
    begun = perf_counter()
    async with Sandbox(vehicles=100):
        assert perf_counter() - begun < 0.3


async def test_it_stops_without_leaving_anything_behind() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with Sandbox(vehicles=3) as sandbox:
            url = sandbox.base_url + "/vehicle_makes"
            async with session.get(url) as response:
                assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)
        await sandbox.stop()
    assert asyncio.all_tasks() == before


async def test_it_can_be_started_again_but_not_twice() -> None:
    sandbox = Sandbox(vehicles=3)
    await sandbox.start()
    with pytest.raises(RuntimeError):
        await sandbox.start()
    await sandbox.stop()
    async with sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with Sandbox(vehicles=1) as sandbox:
        port = int(sandbox.origin.rpartition(":")[2])
        other = Sandbox(vehicles=1, port=port)
        with pytest.raises(OSError, match="in use"):
            await other.start()


async def test_many_requests_at_once(client: Client) -> None:
    answers = await asyncio.gather(*(client.get(f"/vehicles?page_size={size}") for size in range(1, 40)))
    assert [len(answer.body) for answer in answers] == list(range(1, 40))


async def test_a_body_of_any_size_is_answered(client: Client) -> None:
    vehicle = next(iter(client.sandbox.world.vehicles))
    json = {"smart_charging_enabled": False, "note": "x" * 3_000_000}
    assert (await client.call("PATCH", f"/vehicles/{vehicle.id}", json=json)).status == 200
    answer = await client.call("PATCH", f"/vehicles/{vehicle.id}", data=b" " * (20 * 1024 * 1024 + 1))
    assert answer.status == 413
    assert answer.headers["EvEnergy-Version"] == "2"


async def test_only_a_stepped_clock_can_be_advanced(sandbox: Sandbox) -> None:
    sandbox.advance(timedelta(minutes=1))
    sandbox.advance(1.5)
    assert sandbox.now() == START + timedelta(seconds=61.5)
    with pytest.raises(ValueError, match="forward"):
        sandbox.advance(-1)
    with pytest.raises(RuntimeError, match="SteppedClock"):
        Sandbox(vehicles=0).advance(1)


def test_clocks() -> None:
    assert RealClock().now().utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="zone"):
        SteppedClock(datetime(2026, 3, 14))  # noqa: DTZ001 - that is the point


def test_tokens_are_given_out_for_known_users_only() -> None:
    with pytest.raises(ValueError, match="no user"):
        Sandbox(vehicles=1).issue_token(user="user1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_says_where_it_listens_and_stops_on_a_signal(number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "ev_energy_async.sandbox",
        "--vehicles",
        "5",
        "--client-secret",
        "hush",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl+C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(timeout=10) == 0
    assert "http://127.0.0.1:" in said
    assert "/o/token/" in said
    assert "sandbox-client" in said
    assert "hush" in said
    assert "Traceback" not in rest


def _run(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "ev_energy_async.sandbox"]
    return subprocess.run([sys.executable, *start, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_line_explains_itself() -> None:
    done = _run("--help")
    assert done.returncode == 0
    for option in ("--vehicles", "--seed", "--port", "--rate-limit", "--host"):
        assert option in done.stdout


def test_without_the_extra_the_command_line_says_what_is_missing() -> None:
    hide = "import sys; sys.modules['typer'] = None; from ev_energy_async.sandbox.__main__ import main; main()"
    done = _run(code=hide)
    assert done.returncode == 1
    assert "ev-energy-async[sandbox]" in done.stderr


def test_the_sandbox_itself_does_without_the_extra() -> None:
    probe = "import sys; import ev_energy_async.sandbox; print({'typer', 'rich'} & set(sys.modules))"
    assert _run(code=probe).stdout.strip() == "set()"
