"""The effects on the world and its webhooks: how logs arrive, and how events are delivered."""

from typing import ClassVar

import attrs

from ev_energy_async.sandbox.faults.effects import Effect


@attrs.frozen
class ArrivalEffect(Effect):
    """A fault in the arrival of logs at the platform, and so in the world itself, for all callers alike.

    A rule's `operation` says which logs, by what lists them (`vehicles.list_status_logs`); its `from_seconds` and
    `until_seconds` are about the logs' own time. A plan that a sandbox is made with holds for its past too.
    """


@attrs.frozen
class LateUploads(ArrivalEffect):
    """A `share` of the logs becomes visible late, each by up to `seconds` after its own time, so out of order.

    Unless the rule names an operation, collections ordered by `logged_at` are left alone.
    """

    kind: ClassVar[str] = "late_uploads"
    share: float = 0.05
    seconds: float = 172_800.0


@attrs.frozen
class OfflineDevices(ArrivalEffect):
    """Devices are offline for up to `seconds` and upload what they missed within two minutes at the end.

    Time is cut into periods of twice as many seconds; a device is offline once in a `share` of them. Unless the rule
    names an operation, collections ordered by `logged_at` are left alone.
    """

    kind: ClassVar[str] = "offline_devices"
    share: float = 0.05
    seconds: float = 172_800.0


@attrs.frozen
class RepeatedLogs(ArrivalEffect):
    """A `share` of the logs is stored twice, under the same time; the second one up to `seconds` after the first."""

    kind: ClassVar[str] = "repeated_logs"
    share: float = 0.05
    seconds: float = 600.0


@attrs.frozen
class CoarseTimes(ArrivalEffect):
    """The time of a log is a multiple of `seconds`, so that logs of different kinds often have the same."""

    kind: ClassVar[str] = "coarse_times"
    seconds: float = 60.0


@attrs.frozen
class WebhookDuplicated(Effect):
    """A successful delivery is repeated `seconds` (of the sandbox) later, with the same `svix-id`."""

    kind: ClassVar[str] = "webhook_duplicated"
    seconds: float = 1.0


@attrs.frozen
class WebhookDelayed(Effect):
    """A delivery is sent `seconds` (of the sandbox) late, so that later events overtake it."""

    kind: ClassVar[str] = "webhook_delayed"
    seconds: float = 3_600.0


@attrs.frozen
class WebhookLost(Effect):
    """An event is never delivered."""

    kind: ClassVar[str] = "webhook_lost"
