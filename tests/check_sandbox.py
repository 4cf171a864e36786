"""Run schemathesis against a sandbox: `make check-sandbox`, or `python -m tests.check_sandbox` with more options.

Requests follow from the document and a seed, and the sandbox's clock stands still, so that a failure is reproducible.
They match the document or violate it in one place. `schemathesis.toml` configures their number and the checks,
`schemathesis_hooks.py` the exceptions.
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
# The share of generated requests that are about something that exists.
_OFTEN: Final = 0.8
_FIRST_ERROR: Final = 400


async def _known(sandbox: Sandbox) -> str:
    """Return existing IDs as dictionaries, from which schemathesis takes path variables and filters."""
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
    """Write the configuration beside this module, extended, to a folder and return its path."""
    made = folder / _CONFIGURATION.name
    made.write_text(_CONFIGURATION.read_text("utf-8") + more, "utf-8")
    return made


async def main(options: list[str]) -> int:
    """Start a sandbox, run schemathesis against it, and return its exit status."""
    # Malformed headers are among the tests; aiohttp would log each of them at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    clock = SteppedClock(START)
    async with Sandbox(
        vehicles=20, seed=7, clock=clock, rate_limit=_NO_LIMIT, anonymous_rate_limit=_NO_LIMIT, kept_requests=None
    ) as sandbox:
        with TemporaryDirectory() as scratch:  # without a cache
            configuration = _configuration(Path(scratch), await _known(sandbox))
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("schemathesis")),
                *("--config-file", str(configuration), "run", str(PATH), "--url", sandbox.base_url),
                *("--header", f"Authorization: Bearer {sandbox.issue_token()}", *options),
                cwd=scratch,
                env={**os.environ, "PYTHONPATH": str(_HERE.parent)},
            )
            result = await process.wait()
            succeeded = {
                each.operation
                for each in sandbox.requests
                if each.operation is not None and each.status is not None and each.status < _FIRST_ERROR
            }
            print(f"{len(succeeded)} of {len(load().operations)} operations succeeded")  # noqa: T201  # the result
            return result


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
