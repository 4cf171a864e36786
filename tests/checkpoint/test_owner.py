"""The owner of a checkpoint: one spelling, and taking over that of another on purpose."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async import InvalidArgument
from ev_energy_async.checkpoint import CheckpointError, CheckpointMismatch, Owner, SqliteCheckpoint

from .owner_kit import check_takeovers

if TYPE_CHECKING:
    from pathlib import Path

OWNER: Final = Owner("https://api.ev.energy/v2", "my-app")


@pytest.mark.parametrize(
    "spelling",
    [
        "https://api.ev.energy/v2/",
        "HTTPS://API.ev.energy/v2",
        "https://api.ev.energy:443/v2",
        "https://u:p@api.ev.energy/v2",
    ],
)
def test_spellings_that_mean_one_address_are_one_owner(spelling: str) -> None:
    assert Owner(spelling, "my-app") == OWNER


@pytest.mark.parametrize(
    "other",
    ["http://api.ev.energy/v2", "https://api.ev.energy:8443/v2", "https://api.ev.energy/V2", "https://[::1]/v2"],
)
def test_other_addresses_are_other_owners(other: str) -> None:
    assert Owner(other, "my-app") != OWNER


@pytest.mark.parametrize("wrong", ["https://[x/v2", "https://api.ev.energy:port/v2"])
def test_a_malformed_address_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidArgument, match="base_url"):
        Owner(wrong)


async def test_a_mismatch_names_both_owners_and_the_way_out(tmp_path: Path) -> None:
    async with SqliteCheckpoint(tmp_path / "fleet.db") as checkpoint:
        await checkpoint.open(OWNER)
        with pytest.raises(CheckpointMismatch) as raised:
            await checkpoint.open(Owner("https://api.ev.energy/v2"))

    assert isinstance(raised.value, CheckpointError)
    assert str(raised.value).startswith(
        "this is the checkpoint of my-app at https://api.ev.energy/v2, not of no client at https://api.ev.energy/v2;"
    )
    assert "adopt=True" in str(raised.value)


async def test_an_unfinished_copy_is_taken_over_by_whoever_names_it_alone(tmp_path: Path) -> None:
    await check_takeovers(lambda adopt: SqliteCheckpoint(tmp_path / "fleet.db", adopt=adopt))


async def test_a_checkpoint_is_taken_over_on_purpose(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, new = tmp_path / "fleet.db", Owner("https://api.ev.energy/v2", None, "user1")
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(OWNER)
        version = await checkpoint.advance("a", 0, "1")

    async with SqliteCheckpoint(path, adopt=True) as checkpoint:
        await checkpoint.open(new)
        entry = await checkpoint.get("a")
        assert entry is not None
        assert (entry.value, entry.version) == ("1", version)

    [record] = [record for record in caplog.records if record.name == "ev_energy_async"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"the checkpoint of {OWNER} is that of {new} from now on"
    async with SqliteCheckpoint(path) as checkpoint:
        await checkpoint.open(new)
        with pytest.raises(CheckpointMismatch):
            await checkpoint.open(OWNER)
