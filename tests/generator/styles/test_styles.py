"""Each style gives right code, or is refused in a sentence; all of them together are code that checkers accept."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.emit import FOLDERS, PACKAGE, ROOT, write
from generator.problems import BadDocument
from tests.generator.small import Made, made
from tests.generator.styles.conditions import CONDITIONS, CONDITIONS_REFUSED
from tests.generator.styles.kit import Refused, Style, merged
from tests.generator.styles.media import MEDIA, MEDIA_REFUSED
from tests.generator.styles.naming import NAMING, NAMING_REFUSED
from tests.generator.styles.objects import OBJECTS
from tests.generator.styles.parameters import PARAMETERS, PARAMETERS_REFUSED
from tests.generator.styles.responses import RESPONSES
from tests.generator.styles.unions import UNIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CARRIED_OVER: Mapping[str, Style] = {
    **UNIONS,
    **OBJECTS,
    **NAMING,
    **RESPONSES,
    **PARAMETERS,
    **MEDIA,
    **CONDITIONS,
}
REFUSED: Mapping[str, Refused] = {
    **NAMING_REFUSED,
    **PARAMETERS_REFUSED,
    **MEDIA_REFUSED,
    **CONDITIONS_REFUSED,
}
# Runs what each style says a user writes, on a client whose outermost middleware stands for the API.
CALLING = """
import asyncio, inspect, json, re, sys, warnings
import datetime as dt
from decimal import Decimal
from uuid import UUID
from ev_energy_async import EvEnergy, models as m
from ev_energy_async.messages import Response
from ev_energy_async.values import File
from ev_energy_async.errors import EvEnergyError

def client(style, told):
    async def respond(request, _):
        of_all = {"Content-Type": "application/json", "EvEnergy-Version": "1"}
        own = {k: v for k, v in request.headers.items() if of_all.get(k) != v}
        headers = "".join(f" {k}: {v};" for k, v in own.items())
        body = "" if request.body is None else " " + request.body.decode("utf-8", "backslashreplace")
        sent = f"{request.method} {request.target}{headers}{body}"
        found = re.search("boundary=([0-9a-f]{40})", sent)
        told["sends"] = sent.replace(found[1], "BOUNDARY") if found else sent
        reply = style["reply"]
        content = json.dumps(reply["body"]) if reply["text"] is None else reply["text"]
        content = b"" if reply["body"] is None and reply["text"] is None else content.encode()
        return Response(request, "https://x", reply["status"], {"Content-Type": reply["media"]}, content, content)
    return EvEnergy(base_url="https://x", middleware=[respond], on_drift=lambda d: told["drift"].append(str(d)))

async def run(style):
    told = {"drift": []}
    names = {"ev": client(style, told), "m": m, "dt": dt, "Decimal": Decimal, "UUID": UUID, "File": File}
    told["signature"] = ""
    function = re.match(r"ev[.][a-z0-9_.]*[a-z0-9_](?=[(])", style["call"])[0]
    try:
        told["signature"] = str(inspect.signature(eval(function, names)))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made = eval(style["call"], names)
        told["warns"] = next((str(w.message) for w in caught if w.filename == "<string>"), None)
        told["returns"] = repr(await made if inspect.isawaitable(made) else made)
    except Exception as error:
        told["raises"] = f"{type(error).__name__}: {error}"
    await names["ev"].close()
    return told

async def main():
    return {name: await run(style) for name, style in json.load(sys.stdin).items()}

print(json.dumps(asyncio.run(main())))
"""


@pytest.fixture(scope="module")
def together() -> Made:
    return made(merged(CARRIED_OVER))


@pytest.fixture(scope="module")
def scratch(together: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with what is generated from all styles in place of the API."""
    folder = tmp_path_factory.mktemp("styles")
    ignored = shutil.ignore_patterns("__pycache__", *FOLDERS)
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=ignored)
    write(together.files, folder)
    return folder


def run(folder: Path, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, input=given, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def told(scratch: Path) -> dict[str, dict[str, Any]]:
    """Return the result of each call."""
    calls = {
        name: {
            "call": s.call,
            "reply": {"body": s.reply.body, "text": s.reply.text, "status": s.reply.status, "media": s.reply.media},
        }
        for name, s in CARRIED_OVER.items()
    }
    done = run(scratch, sys.executable, "-c", CALLING, given=json.dumps(calls))
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CARRIED_OVER)
def test_a_style_is_carried_over(name: str, told: dict[str, dict[str, Any]]) -> None:
    style, found = CARRIED_OVER[name], told[name]
    expected = {
        "raises": style.raises,
        "returns": style.returns,
        "drift": list(style.drift),
        "warns": style.warns,
        "sends": style.sends if style.sends is not None else found.get("sends"),
        "signature": style.signature if style.signature is not None else found["signature"],
    }
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_style_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(BadDocument, match=REFUSED[name].told):
        made(REFUSED[name].document)


def test_no_text_of_a_document_is_code(together: Made) -> None:
    for name, source in together.files.items():
        if name.endswith(".py"):
            names = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
            assert not names & {"__import__", "os", "system"}, name


def test_mypy_accepts_all_styles(scratch: Path, mypy: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    paths = [f"{PACKAGE}/{folder}" for folder in FOLDERS]
    done = mypy(scratch, "--config-file", ROOT / "pyproject.toml", *paths)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_accepts_all_styles(scratch: Path) -> None:
    config = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "include": [f"{PACKAGE}/{f}" for f in FOLDERS]}
    (scratch / "pyrightconfig.json").write_text(json.dumps(config))
    done = run(scratch, str(Path(sys.executable).with_name("pyright")), "--pythonpath", sys.executable)
    assert done.returncode == 0, done.stdout


def test_ruff_accepts_all_styles(scratch: Path) -> None:
    ruff = str(Path(sys.executable).with_name("ruff"))
    paths = [f"{PACKAGE}/{folder}" for folder in FOLDERS]
    done = run(scratch, ruff, "check", "--config", str(ROOT / "pyproject.toml"), "--no-cache", *paths)
    assert done.returncode == 0, done.stdout
