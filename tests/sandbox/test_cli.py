"""The command line of the sandbox."""

from __future__ import annotations

import http.client
import inspect
import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ev_energy_async.sandbox import Sandbox
from ev_energy_async.sandbox.cli import app, run
from ev_energy_async.sandbox.faults import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parents[2]


@contextmanager
def _running(*options: str, number: signal.Signals = signal.SIGTERM) -> Generator[str]:
    """Return the output of a sandbox that runs with these options and is stopped by a signal."""
    command = [sys.executable, "-W", "error", "-m", "ev_energy_async.sandbox", "--vehicles", "5", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl+C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        try:
            yield said
        finally:
            process.send_signal(number)
            rest = process.stdout.read()
            assert process.wait(timeout=10) == 0
        assert "Traceback" not in rest


def _get(origin: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_console_is_there_if_asked_for() -> None:
    with _running("--console") as said:
        address = re.search(r"console\s+(http://127\.0\.0\.1:\d+)(/_sandbox/ui/)", said)
        assert address is not None, said
        status, body = _get(address[1], address[2])
        assert (status, b"<h1>Overview</h1>" in body) == (200, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_stops_on_a_signal(number: signal.Signals) -> None:
    with _running("--client-secret", "hush", number=number) as said:
        for word in ("http://127.0.0.1:", "/o/token/", "/o/authorize/", "sandbox-client", "hush", "5 vehicles"):
            assert word in said
        assert "/_sandbox/" not in said
        assert "Warning" not in said


def test_all_its_parts_can_be_switched_on(tmp_path: Path) -> None:
    plan, record = tmp_path / "plan.yaml", tmp_path / "record.jsonl"
    plan.write_text("rules: [{path: /vehicles, effect: html_error}]")
    options = (
        *("--faults", str(plan), "--record", str(record), "--control", "--stepped", "--fast"),
        *("--auto-consent", "first", "--redirect-uri", "http://127.0.0.1:1/cb", "--rate-limit", "5"),
        *(
            "--webhook-url",
            "http://127.0.0.1:9/",
            "--webhook-secret",
            "whsec_aHVzaA==",
            "--refresh-token-lifetime",
            "9",
        ),
    )
    with _running(*options) as said:
        origin = re.search(r"http://[\d.:]+", said)
        assert origin is not None
        assert "whsec_aHVzaA==" in said
        assert _get(origin[0], "/v2/vehicles")[0] == 502
        status, body = _get(origin[0], "/_sandbox/")
        assert (status, json.loads(body)["vehicles"]) == (200, 5)
    assert [json.loads(line)["status"] for line in record.read_text().splitlines()] == [502]


def test_other_machines_are_let_in_with_a_warning_only() -> None:
    with _running("--host", "0.0.0.0") as said:  # noqa: S104  # on purpose: it warns
        assert "Warning: on 0.0.0.0 everybody in the network can reach the sandbox." in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--stepped"], "only be stepped with --control"),
        (["--stepped", "--control", "--speed", "2"], "no speed"),
        (["--webhook-url", "http://example.com/"], "to this machine only"),
        (["--webhook-url", "http://localhost/", "--webhook-secret", "x"], "whsec_"),
        (["--auto-consent", "user1"], "no user 'user1'"),
        (["--faults", "PLAN"], "rule 1: there is no effect 'stal', 'stall' perhaps?"),
        (["--faults", "nowhere.yaml"], "No such file"),
        (["--vehicles", "-1"], "not in the range"),
        (["--speed", "0"], "not in the range"),
    ],
)
def test_impossible_options_are_reported(options: list[str], expected: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("rules: [{effect: stal}]")
    arguments = ["--vehicles", "1", *(str(plan) if option == "PLAN" else option for option in options)]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert expected in done.output


def test_a_port_in_use_is_reported() -> None:
    with _running() as said:
        port = re.search(r":(\d+)", said)
        assert port is not None
        done = _run("--vehicles", "1", "--port", port[1])
    assert done.returncode == 1
    assert f"Can't listen on 127.0.0.1:{port[1]}" in done.stdout


def _run(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "ev_energy_async.sandbox"]
    return subprocess.run([sys.executable, *start, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_lists_every_option_and_every_effect() -> None:
    done = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for param in app.params:
        assert param.opts[0] in done.output
    for effect in EFFECTS:
        assert effect in done.output


def test_every_option_of_the_sandbox_is_one_of_the_command_line() -> None:
    # Options that may be repeated have a name in the singular.
    repeated = {"allowed_hosts", "redirect_uris"}
    assert {name.removesuffix("s") for name in repeated} <= {*inspect.signature(run).parameters}
    in_python = {*inspect.signature(Sandbox).parameters} - {"clock", "kept_requests", *repeated}
    assert in_python <= {*inspect.signature(run).parameters}


def test_without_the_extra_the_command_line_says_what_is_missing() -> None:
    hide = "import sys; sys.modules['click'] = None; from ev_energy_async.sandbox.__main__ import main; main()"
    done = _run(code=hide)
    assert done.returncode == 1
    assert "ev-energy-async[sandbox]" in done.stderr


def test_the_sandbox_itself_does_without_the_extra() -> None:
    probe = "import sys; import ev_energy_async.sandbox; print({'click', 'rich', 'yaml'} & set(sys.modules))"
    assert _run(code=probe).stdout.strip() == "set()"
