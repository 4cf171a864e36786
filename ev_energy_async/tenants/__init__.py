"""Users with tokens of their own: each is a small fleet, polled when it is due by workers of a task queue (taskiq).

    registry = PostgresTenants(pool, auth=grant_of)          # tenant, token, how often
    tenants = Tenants(app, registry, checkpoint=..., lease=..., sink=store)
    tenants.register(broker)                                 # in every worker: `taskiq worker my_service:broker`
    await tenants.run()                                      # in one process or several: queues whatever is due

The brokers of taskiq for Redis Streams, NATS, RabbitMQ and Kafka are your choice; all state is in the registry and the
checkpoints, so a task that is lost or delivered twice does no harm. Needs the extra `[taskiq]`.
"""

from ev_energy_async._extras import extra

with extra("taskiq", __name__, "taskiq"):
    from ev_energy_async.tenants.tasks import Sink, Tenants

from ev_energy_async.tenants.registry import Registry

__all__ = ["Registry", "Sink", "Tenants"]
