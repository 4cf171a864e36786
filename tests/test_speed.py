"""The switch to faster libraries; in processes of their own, since it holds for all of one."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from ev_energy_async import EvEnergyError, speed

_PROGRAM: Final = """
import asyncio, gzip

from aiohttp import web
import aiohttp.compression_utils
import aiohttp.http_parser

from ev_energy_async import EvEnergy, StaticToken, speed

speed.enable()
speed.enable()


async def regions(request):
    assert "gzip" in request.headers["Accept-Encoding"]
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(body=gzip.compress(b'[{"id": "regn01"}]'), headers=headers)


async def main():
    app = web.Application()
    app.router.add_get("/v2/regions", regions)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with EvEnergy(StaticToken("t"), base_url=f"http://127.0.0.1:{port}/v2") as ev:
        page = await ev.regions.list()
    await runner.cleanup()
    print(type(asyncio.get_running_loop()).__module__, [region.id for region in page])
    print(aiohttp.compression_utils.ZLibBackend._zlib_backend.__name__)


asyncio.run(main())
"""


def test_one_call_turns_on_both_and_a_compressed_response_is_read_with_them() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["uvloop ['regn01']", "isal.isal_zlib"]


async def test_it_is_refused_while_an_event_loop_runs() -> None:
    with pytest.raises(EvEnergyError, match=r"before asyncio\.run"):
        speed.enable()


def test_nothing_turns_it_on_but_the_application() -> None:
    program = (
        "import sys, ev_energy_async.client, ev_energy_async.http.pipeline; print({'isal', 'uvloop'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "set()\n"
