"""The recipes for sinks in `docs/beyond-one-process.md`, as they stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from tests.documentation.pages import ROOT, examples_of

if TYPE_CHECKING:
    from .servers import RedisServer


async def test_an_event_that_is_appended_twice_is_in_the_stream_once(redis: RedisServer, place: str) -> None:
    [recipe] = [each for each in examples_of(ROOT / "docs" / "beyond-one-process.md") if "XADD" in each.code]
    names: dict[str, Any] = {}
    exec(recipe.code, names)  # noqa: S102  # what readers are told to run
    async with Redis.from_url(redis.url) as client:  # pyright: ignore[reportUnknownMemberType]  # it has no types
        for number in range(2):
            for key in ("vhcl1/status/a", "vhcl1/status/b"):
                found = await names["append"](client, place, key, b"{}")
                assert (found is None) == (number == 1)
        entries: Any = await client.xrange(f"{{{place}}}")
    assert [fields[b"key"] for _, fields in entries] == [b"vhcl1/status/a", b"vhcl1/status/b"]
