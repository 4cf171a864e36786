"""Runs schemathesis against a sandbox: `make check-sandbox`, or `python -m tests.check_sandbox` with more options.

What is sent follows from the document and a seed, and the sandbox's time stands still: a run that fails fails again.
Requests are made up to fit the document or to break it in one place. `schemathesis.toml` says how many and what is
checked, `schemathesis_hooks.py` what is left out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.protocol.document import load

from .openapi import PATH
from .sandbox.conftest import START, Client
from .sandbox.places import Places

_HERE: Final = Path(__file__).resolve().parent
_CONFIGURATION: Final = _HERE / "schemathesis.toml"
_NO_LIMIT: Final = 1_000_000_000
_VARIABLE: Final = re.compile(r"\{(\w+)\}")
# How often a made-up request is about something that exists.
_OFTEN: Final = 0.8
_FIRST_ERROR: Final = 400


async def _known(sandbox: Sandbox) -> str:
    """What exists in the sandbox, as dictionaries from which schemathesis takes path variables and filters."""
    async with aiohttp.ClientSession() as session:
        places = Places(Client(sandbox, session))
        await places.furnish()
        values: dict[str, set[str]] = {"available_for_user_id": {places.user.id}, "EvEnergy-User": {places.user.id}}
        for operation in load().operations.values():
            pattern = _VARIABLE.sub(r"(?P<\1>[^/]+?)", operation.path)
            for path in places.paths(operation):
                if match := re.fullmatch(pattern, path):
                    for name, value in match.groupdict().items():
                        values.setdefault(name, set()).add(value)
    lines = [f"[dictionaries.{name}]\nvalues = {json.dumps(sorted(found))}\n" for name, found in values.items()]
    bound = [f'{name} = {{ dictionary = "{name}", probability = {_OFTEN} }}' for name in values]
    return "\n" + "\n".join([*lines, "[parameters]", *bound]) + "\n"


def _configuration(folder: Path, more: str) -> Path:
    """The configuration beside this module with more to it, as a file in a folder."""
    made = folder / _CONFIGURATION.name
    made.write_text(_CONFIGURATION.read_text("utf-8") + more, "utf-8")
    return made


async def main(options: list[str]) -> int:
    """Serve, let schemathesis run, and return what it came to."""
    # Headers that are no HTTP are among what is tried; aiohttp would tell of each at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    clock = SteppedClock(START)
    async with Sandbox(
        vehicles=20, seed=7, clock=clock, rate_limit=_NO_LIMIT, anonymous_rate_limit=_NO_LIMIT, kept_requests=None
    ) as sandbox:
        with TemporaryDirectory() as scratch:  # a folder without a cache
            configuration = _configuration(Path(scratch), await _known(sandbox))
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("schemathesis")),
                *("--config-file", str(configuration), "run", str(PATH), "--url", sandbox.base_url),
                *("--header", f"Authorization: Bearer {sandbox.issue_token()}", *options),
                cwd=scratch,
                env={**os.environ, "PYTHONPATH": str(_HERE.parent)},
            )
            result = await process.wait()
            answered = {
                each.operation
                for each in sandbox.requests
                if each.operation is not None and each.status is not None and each.status < _FIRST_ERROR
            }
            print(f"{len(answered)} of {len(load().operations)} operations answered with a success")  # noqa: T201
            return result


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
