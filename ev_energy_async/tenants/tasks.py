"""Queues tenants that are due, and polls one in a task: one cycle of a watch under its lease.

Nothing here keeps state; the registry, the checkpoint and the lease do.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from taskiq import AsyncBroker, TaskiqError

from ev_energy_async.checkpoint import CheckpointConflict, TransactionalCheckpoint
from ev_energy_async.clock import Duration, seconds
from ev_energy_async.errors import EvEnergyError, InvalidArgument, ReauthenticationRequired

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from taskiq import AsyncTaskiqDecoratedTask

    from ev_energy_async.checkpoint import Checkpoint
    from ev_energy_async.client import EvEnergy
    from ev_energy_async.fleet import Batch, Watch, WatchEvent
    from ev_energy_async.lease import Lease
    from ev_energy_async.tenants.registry import Registry

__all__ = ["Sink", "Tenants"]

_LOG: Final = logging.getLogger("ev_energy_async")
_TASK: Final = "ev_energy_async.tenants.poll"
_AT_ONCE: Final = 100
_BATCH: Final = 1_000

Sink: TypeAlias = "Callable[[str, list[WatchEvent], Any], Awaitable[object]]"
"""Stores events of a tenant. The third argument is the connection of the transaction in which the events are
acknowledged; None where the checkpoint has no transactions, and then an event may come again: use its `key`."""


class Tenants:
    """Polls many users, each with a token and a budget of its own, over the transport of one client.

    Args:
        app: The client of the application, whose transport all tenants share.
        registry: Who the tenants are, and when each is due.
        checkpoint: Returns the checkpoint of a tenant.
        lease: Returns the lease of a tenant, with a holder of its own: it keeps two workers apart.
        sink: Stores events; see `Sink`.
        look: How often to look for tenants that are due; seconds or a `timedelta`.
        watch: Further arguments of `fleet.watch`, such as `logs`.

    Raises:
        InvalidArgument: `look` is not a duration above zero.
    """

    def __init__(
        self,
        app: EvEnergy,
        registry: Registry,
        *,
        checkpoint: Callable[[str], Checkpoint],
        lease: Callable[[str], Lease],
        sink: Sink,
        look: Duration = 1.0,
        **watch: Any,
    ) -> None:
        self._app = app
        self._registry = registry
        self._checkpoint = checkpoint
        self._lease = lease
        self._sink = sink
        self._look = seconds("look", look)
        self._watch = watch
        self._task: AsyncTaskiqDecoratedTask[[str], Any] | None = None

    def register(self, broker: AsyncBroker) -> None:
        """Register the task that polls a tenant with a broker of taskiq: in each worker, and where `run` is called.

        Raises:
            InvalidArgument: It is no broker.
        """
        if not isinstance(broker, AsyncBroker):
            raise InvalidArgument("broker", type(broker), "a broker of taskiq")

        async def poll(tenant: str) -> None:  # taskiq renames what it registers, and a method has no name of its own
            await self.poll(tenant)

        self._task = broker.register_task(poll, task_name=_TASK)

    async def run(self) -> None:
        """Queue whatever is due, indefinitely. Several processes may do so: the registry gives each tenant to one."""
        while True:
            try:
                queued = await self.queue_due()
            except (EvEnergyError, TaskiqError) as error:
                _LOG.warning("tenants that are due were not queued: %s", error)
                queued = 0
            if queued < _AT_ONCE:
                await self._app.clock.sleep(self._look)

    async def queue_due(self) -> int:
        """Queue tenants that are due, the longest due first, as `run` does again and again; return how many.

        Raises:
            InvalidArgument: `register` was not called.
            TaskiqError: The broker cannot be reached; what was claimed is due again after a while.
        """
        if self._task is None:
            raise InvalidArgument("broker", None, "a broker, given to `register` before")
        due = await self._registry.claim(_AT_ONCE)
        for tenant in due:
            await self._task.kiq(tenant)
        return len(due)

    async def poll(self, tenant: str) -> None:
        """Poll a tenant for one cycle, as the task does. It raises nothing but what the sink raises.

        A tenant that another worker polls, or has polled since it was queued, is left to it.
        """
        auth = await self._registry.auth(tenant)
        lease = self._lease(tenant)
        if auth is None or await lease.current() is not None:
            return
        try:
            await self._cycle(tenant, auth, lease)
        except ReauthenticationRequired as error:
            _LOG.warning("tenant %s is not polled any more: %s", tenant, error)
            await self._registry.stop(tenant, error)
        except CheckpointConflict:
            _LOG.info("tenant %s is polled by another worker", tenant)
        except EvEnergyError as error:
            _LOG.warning("tenant %s is postponed: %s", tenant, error)
            await self._registry.postpone(tenant, error)
        except Exception as error:
            # Of the sink, most likely: its text may hold anything. The queue has it, and the tenant backs off alone.
            await self._registry.postpone(tenant, EvEnergyError(f"{type(error).__name__}, see the log of the worker"))
            raise
        else:
            await self._registry.finish(tenant)

    async def _cycle(self, tenant: str, auth: Any, lease: Lease) -> None:
        checkpoint = self._checkpoint(tenant)
        async with self._app.with_auth(auth) as ev:
            # Which kinds it watches is known at run time alone.
            begin = cast("Callable[..., Watch[WatchEvent]]", ev.fleet.watch)
            async with begin(checkpoint=checkpoint, lease=lease, cycles=1, ack="explicit", **self._watch) as watch:
                async for batch in watch.batches(_BATCH, max_age=1):
                    await self._store(tenant, checkpoint, batch)

    async def _store(self, tenant: str, checkpoint: Checkpoint, batch: Batch) -> None:
        if isinstance(checkpoint, TransactionalCheckpoint):
            async with checkpoint.transaction() as connection:
                await self._sink(tenant, batch, connection)
                await batch.ack()
        else:
            await self._sink(tenant, batch, None)
            await batch.ack()
