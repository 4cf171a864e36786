"""Runs with several processes on PostgreSQL and Redis, for the command line: clusters, one budget, many tenants."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import click

from tests.services.servers import PostgresServer, RedisServer

from . import cluster, spending, tenants

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["budgets", "clusters", "users"]

_HEAD: Final = (
    "seed database events logs repeated lost twice terms rivals requests alone ratio pause web network seconds"
)


def clusters(seeds: Iterable[int], slow: float, takes_over_within: float) -> bool:
    """Run clusters on both databases at once, print a line for each, and return whether all promises were kept."""
    options = cluster.ClusterOptions(takes_over_within=takes_over_within)
    options = attrs.evolve(options, ttl=options.ttl * slow, speed=options.speed / slow)
    click.echo(_HEAD)
    one = attrs.evolve(options, most_ratio=math.inf)  # of a run alone chance decides
    runs = [asyncio.run(_clusters(one, seed)) for seed in seeds]
    are_good = all(found.is_good(one) for results in runs for found in results)
    for name, of_one in zip(("PostgreSQL", "Redis"), zip(*runs, strict=True), strict=True):
        ratio = sum(found.requests for found in of_one) / sum(found.alone for found in of_one)
        are_good &= ratio <= options.most_ratio
        click.echo(f"{name}: {ratio:.3f} of the requests of one poller, at most {options.most_ratio}")
    return are_good


async def _clusters(options: cluster.ClusterOptions, seed: int) -> list[cluster.ClusterVerdict]:
    began = time.monotonic()
    with ExitStack() as stack:
        servers: tuple[PostgresServer | RedisServer, ...] = (
            stack.enter_context(PostgresServer()),
            stack.enter_context(RedisServer()),
        )
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in servers]
        runs = [cluster.run(options, seed, folder, server) for folder, server in zip(folders, servers, strict=True)]
        results = await asyncio.gather(*runs)
    for server, found in zip(servers, results, strict=True):
        verdict, told = found.verdict, "good" if found.is_good(options) else f"bad: {found}"
        click.echo(
            f"{seed} {type(server).__name__} {verdict.events} {verdict.logs} {verdict.repeated} {len(verdict.lost)}"
            f" {len(verdict.twice)} {found.terms} {len(found.rivals)} {found.requests} {found.alone} {found.ratio:.2f}"
            f" {found.pause:.1f} {found.web:.2f}"
            f" {'namespace' if found.has_namespaces else 'proxy'} {time.monotonic() - began:.0f} {told}"
        )
    return results


def budgets(hours: float) -> bool:
    """Run five processes with one budget on each database, print the results, and return whether all were good."""
    options = attrs.evolve(spending.SpendingOptions(), hours=hours)
    are_good = True
    for kind in (PostgresServer, RedisServer):
        with kind() as server, tempfile.TemporaryDirectory() as folder:
            place = server.url if isinstance(server, RedisServer) else server.dsn
            found = asyncio.run(spending.run(options, Path(folder), place))
        are_good &= found.is_good
        click.echo(f"{'good' if found.is_good else 'bad'} {kind.__name__} {found}")
    return are_good


def users(count: int, every: float, seed: int) -> bool:
    """Run many tenants, print the result, and return whether it was good."""
    # Of a fleet's cars every tenth is its owner's second.
    options = tenants.TenantOptions(vehicles=count * 10 // 9, every=every)
    with PostgresServer() as postgres, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(tenants.run(options, seed, Path(folder), postgres, redis))
    click.echo(f"{'good' if found.is_good else 'bad'} {found}")
    return found.is_good
