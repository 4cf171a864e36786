"""The contract of checkpoints."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from ev_energy_async.checkpoint import (
    Advance,
    Checkpoint,
    CheckpointConflict,
    CheckpointMismatch,
    Owner,
    TransactionalCheckpoint,
)
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.testing.contracts.kit import SECONDS, FailureOfTheTestError, expect, holds_for, made, raises

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["check_checkpoint"]

_NO_VERSION: Final = 10**14
_TURNS: Final = 20  # of each of three who count at the same key
_BASE_URL: Final = "https://api.example.com/v2"


async def check_checkpoint(factory: Callable[[], Checkpoint | Awaitable[Checkpoint]]) -> None:
    """Check a checkpoint against the contract of `Checkpoint`, and `transaction` if it has that.

    Args:
        factory: Returns a checkpoint that is empty at first and not open, plain or `async`; see the module.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_checkpoint(tmp_path):  # doctest: +SKIP
        ...     await check_checkpoint(lambda: MyCheckpoint(tmp_path / "fleet.db"))
    """
    async with asyncio.timeout(SECONDS):
        owner = Owner(_BASE_URL, "my-app")
        checkpoint, other = await made(factory), await made(factory)
        await checkpoint.open(owner)
        await checkpoint.open(Owner(f"{_BASE_URL}/", "my-app"))
        await _check_versions(checkpoint)
        await _check_together(checkpoint)
        await _check_keys(checkpoint)
        for stranger in (Owner(_BASE_URL, "another"), Owner(_BASE_URL, "my-app", "user1")):
            await raises(CheckpointMismatch, checkpoint.open(stranger), "`open` refuses another owner")
        if isinstance(checkpoint, TransactionalCheckpoint):
            await _check_transaction(checkpoint)
        before = [each async for each in checkpoint.entries()]
        await checkpoint.close()
        await checkpoint.open(owner)
        expect([each async for each in checkpoint.entries()] == before, "after `close`, `open` finds all of it again")
        await other.open(owner)
        if [each async for each in other.entries()] == before:  # two handles on one place
            await _check_race(checkpoint, other)
            await _check_any_program([checkpoint, other])
        else:
            await _check_any_program([checkpoint])
        await other.close()
        await checkpoint.close()


async def _check_versions(checkpoint: Checkpoint) -> None:
    expect(await checkpoint.get("a") is None, "`get` returns None for a key that was never advanced")
    first = await checkpoint.advance("a", 0, "1")
    second = await checkpoint.advance("a", first, "2")
    expect(0 < first < second, "versions are above 0 and grow")
    entry = await checkpoint.get("a")
    expect(entry is not None and (entry.value, entry.version) == ("2", second), "`get` returns the last value")
    for expected in (0, first, second + 1):
        await raises(
            CheckpointConflict, checkpoint.advance("a", expected, "3"), "`advance` refuses a version that is not stored"
        )
    await raises(CheckpointConflict, checkpoint.advance("none", 1, "3"), "`advance` refuses a version of no key")
    expect(await checkpoint.advance("a", second, None) == 0, "`advance` to None removes the key and returns 0")
    expect(await checkpoint.get("a") is None, "a removed key is gone")
    third = await checkpoint.advance("a", 0, "4")
    expect(third > second, "versions are never given twice to one key, even if it was removed in between")


async def _check_together(checkpoint: Checkpoint) -> None:
    expect(list(await checkpoint.advance_all([])) == [], "no changes have no versions")
    one, two = await checkpoint.advance_all([Advance("p/1", 0, "a"), Advance("p/2", 0, "b")])
    mixed = [Advance("p/1", one, "A"), Advance("p/2", two + 1, "B")]
    await raises(CheckpointConflict, checkpoint.advance_all(mixed), "`advance_all` compares every version")
    twice = [Advance("p/1", one, "A"), Advance("p/1", one, "B")]
    await raises(InvalidArgument, checkpoint.advance_all(twice), "`advance_all` refuses a key that is given twice")
    found = {key: entry.value async for key, entry in checkpoint.entries("p/")}
    expect(found == {"p/1": "a", "p/2": "b"}, "changes that conflict leave nothing behind")


async def _check_keys(checkpoint: Checkpoint) -> None:
    keys = ["k", "k%", "k/1", "k_", "ké", "kz"]
    await checkpoint.advance_all([Advance(key, 0, "\u00e9 \U0001f697 " + key) for key in keys])
    found = [key async for key, _ in checkpoint.entries("k")]
    expect(found == sorted(keys), "`entries` yields the keys of a prefix in their order, and no others")
    expect([key async for key, _ in checkpoint.entries("k%")] == ["k%"], "a prefix is text, not a pattern")
    many = [Advance(f"many/{number:05}", 0, "x" * 200) for number in range(5_000)]
    await checkpoint.advance_all(many)
    found = [key async for key, _ in checkpoint.entries("many/")]
    expect(found == [change.key for change in many], "`entries` yields all of many keys")


async def _check_transaction(checkpoint: TransactionalCheckpoint) -> None:
    async def fail() -> None:
        async with checkpoint.transaction():
            await checkpoint.advance("t", 0, "1")
            raise FailureOfTheTestError

    await raises(FailureOfTheTestError, fail(), "an exception leaves a `transaction`")
    expect(await checkpoint.get("t") is None, "an exception rolls a `transaction` back")
    async with checkpoint.transaction():
        version = await checkpoint.advance("t", 0, "1")
        entry = await checkpoint.get("t")
        expect(entry is not None and entry.version == version, "within a `transaction`, `get` sees its changes")
    expect(await checkpoint.get("t") is not None, "a `transaction` that ends is kept")


async def _check_race(one: Checkpoint, two: Checkpoint) -> None:
    async def count(checkpoint: Checkpoint) -> None:
        done = 0
        while done < _TURNS:
            entry = await checkpoint.get("race")
            value, version = ("0", 0) if entry is None else (entry.value, entry.version)
            try:
                await checkpoint.advance("race", version, str(int(value) + 1))
                done += 1
            except CheckpointConflict:
                await asyncio.sleep(0)

    await asyncio.gather(count(one), count(two), count(two))
    entry = await one.get("race")
    expect(entry is not None and entry.value == str(3 * _TURNS), "two processes never undo each other's progress")


# Keys and values as any text may be, but for what no database takes.
_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_KEYS: Final = st.lists(_TEXTS, min_size=1, max_size=4, unique=True)
_CHANGES: Final = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.none(), _TEXTS), st.booleans()),
    min_size=1,
    max_size=4,
    unique_by=lambda change: change[0],
)
# Who makes them: several at once in each round.
_ROUNDS: Final = st.lists(st.lists(st.tuples(st.integers(0, 1), _CHANGES), min_size=1, max_size=4), max_size=6)


async def _check_any_program(clients: Sequence[Checkpoint]) -> None:
    """Compare what clients do at the same time with what a map does, one change after the other."""
    numbers = count()

    async def law(program: tuple[list[str], list[list[tuple[int, list[tuple[int, str | None, bool]]]]]]) -> None:
        texts, rounds = program
        prefix = f"law {next(numbers)}/"
        keys = [prefix + text for text in texts]
        model: dict[str, tuple[str, int]] = {}
        last: dict[str, int] = {}
        for together in rounds:
            asked = [
                (
                    clients[who % len(clients)],
                    [
                        # To remove what is not there changes nothing, and several may.
                        Advance(
                            keys[place],
                            model.get(keys[place], ("", 0))[1] + (0 if is_right else _NO_VERSION),
                            value if keys[place] in model else value or "",
                        )
                        for place, value, is_right in changes
                        if place < len(keys)
                    ],
                )
                for who, changes in together
            ]
            outcomes = await asyncio.gather(
                *(client.advance_all(changes) for client, changes in asked), return_exceptions=True
            )
            taken: set[str] = set()
            before = dict(model)
            for (_, changes), outcome in zip(asked, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    if not isinstance(outcome, CheckpointConflict):
                        raise outcome
                    continue
                here = {change.key for change in changes}
                is_right = all(change.expected == before.get(change.key, ("", 0))[1] for change in changes)
                expect(is_right and not here & taken, "of those who replace the same version, one succeeds")
                taken |= here
                for change, version in zip(changes, outcome, strict=True):
                    if change.value is None:
                        model.pop(change.key, None)
                        continue
                    expect(version > last.get(change.key, 0), "versions are never given twice to one key")
                    model[change.key], last[change.key] = (change.value, version), version
            for (_, changes), outcome in zip(asked, outcomes, strict=True):
                was_right = all(change.expected == before.get(change.key, ("", 0))[1] for change in changes)
                could = was_right and not {change.key for change in changes} & taken
                expect(
                    not (isinstance(outcome, CheckpointConflict) and could), "`advance` succeeds if the versions match"
                )
            for client in clients:
                found = [(key, (entry.value, entry.version)) async for key, entry in client.entries(prefix)]
                expect(found == sorted(model.items()), "all clients see what was advanced, in the order of the keys")

    await holds_for(st.tuples(_KEYS, _ROUNDS), law)
