"""A process of its own with a client, as the tests of stores start several: `python -m tests.auth.token_process`.

Takes the file of the store, the base URL of an API, a refresh token to begin with, and how many calls to make; or, in
place of their number, `kill`, to end at once when the first token has been saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from ev_energy_async import EvEnergy, FileTokenStore, RefreshToken, Unauthorized

if TYPE_CHECKING:
    from ev_energy_async import Token


class _Killing(FileTokenStore):
    """Lets the process die between saving a token and using it."""

    async def save(self, token: Token) -> None:
        await super().save(token)
        os.kill(os.getpid(), signal.SIGKILL)


async def _main(path: str, base_url: str, refresh_token: str, calls: str) -> None:
    store = _Killing(path) if calls == "kill" else FileTokenStore(path)
    async with EvEnergy(RefreshToken("my-id", refresh_token, store=store), base_url=base_url) as ev:
        for _ in range(1 if calls == "kill" else int(calls)):
            with contextlib.suppress(Unauthorized):  # the others were quicker to use the fresh token up
                await ev.regions.list()
            await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
