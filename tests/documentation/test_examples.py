"""Each example of the guides runs exactly as printed, by itself or with the other files of its project."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async import EvEnergy
from ev_energy_async import testing as kit

from .pages import GUIDES, Example, examples_of
from .reader import NAMES, belongings, run

if TYPE_CHECKING:
    from pathlib import Path

    from ev_energy_async.sandbox import Sandbox

pytest_plugins = ["ev_energy_async.testing"]

EXAMPLES = examples_of(*GUIDES)
PROJECTS = [page for page in GUIDES if any(example.file for example in examples_of(page))]

# The tests' own client bears the name of the kit's.
readers_client = kit.ev


@pytest.fixture
def ev_sandbox_options() -> dict[str, Any]:
    return {"vehicles": 5, "client_id": "my-client-id", "client_secret": "my-client-secret"}


@pytest.fixture
def on_the_sandbox(ev_sandbox: Sandbox, readers_client: EvEnergy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each client talk to the sandbox unless it is told otherwise, and live in its time."""
    for name in ("client_id", "client_secret", "base_url"):
        monkeypatch.setenv(f"EV_ENERGY_{name.upper()}", getattr(ev_sandbox, name))
    make = EvEnergy.__init__

    @functools.wraps(make)
    def make_on_the_sandbox(client: EvEnergy, auth: Any = None, **options: Any) -> None:
        ours: dict[str, Any] = {"base_url": ev_sandbox.base_url, "clock": readers_client.clock}
        make(client, auth, **{**ours, **options})

    monkeypatch.setattr(EvEnergy, "__init__", make_on_the_sandbox)


def test_each_example_imports_what_it_uses(tmp_path: Path) -> None:
    for number, example in enumerate(EXAMPLES):
        body = textwrap.indent(example.code, "    ")
        # In a function, for `await` is no statement of a module.
        (tmp_path / f"{number}.py").write_text(f"# {example}\nasync def example():\n{body}", "utf-8")
    reader = f"builtins = {sorted(NAMES)}"
    command = ["ruff", "check", "--isolated", "--select=F401,F811,F821", "--config", reader, "--output-format=full"]
    done = subprocess.run([sys.executable, "-m", *command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("on_the_sandbox")
@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.file and not each.excuse], ids=str)
async def test_an_example_runs_on_a_sandbox(
    example: Example,
    ev_sandbox: Sandbox,
    readers_client: EvEnergy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    owned = belongings(ev_sandbox, readers_client)

    await run(example.code, ev_sandbox, owned)

    for name in ("store", "warehouse"):
        assert owned[name].mock_calls or f"await {name}" not in example.code, f"{name} got nothing"


@pytest.mark.parametrize("page", PROJECTS, ids=lambda page: page.name)
def test_the_files_of_a_page_pass_as_a_project(page: Path, tmp_path: Path) -> None:
    for example in examples_of(page):
        if example.file:
            (tmp_path / example.file).write_text(example.code, "utf-8")

    # A project without settings, so pytest-asyncio is in its strict mode; and all warnings are errors.
    options = ["-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, *plugins],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
