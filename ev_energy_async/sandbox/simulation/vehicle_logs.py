"""The logs of a vehicle's telematics: status, location, command and error logs."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, NamedTuple, TypeVar

from ev_energy_async.sandbox.instants import MINUTE, SECOND, Instant
from ev_energy_async.sandbox.simulation.chance import source
from ev_energy_async.sandbox.simulation.habits import EFFICIENCY, PLUGGED, Activity, Stage
from ev_energy_async.sandbox.simulation.life import Life
from ev_energy_async.sandbox.simulation.log_kinds import Log, LogKind
from ev_energy_async.sandbox.simulation.sampling import lateness, passing, samples, uuid
from ev_energy_async.sandbox.simulation.silence import Silences, silent

L = TypeVar("L", bound=Log)

_STATUS: Final = 11  # kinds of draws
_LOCATION: Final = 12
_COMMAND: Final = 13
_ERROR: Final = 14
_REFUSAL: Final = 15

_FREQUENT: Final = frozenset({Activity.DRIVING, Activity.CHARGING})
_ALMOST: Final = 3  # percent that lack to the target when a charge is "almost complete"
_MAINS_MILLIVOLTS: Final = 230_000


class Telematics(NamedTuple):
    """The capabilities of a make's telematics, and their delay."""

    controller: str
    delay_seconds: float
    """The usual time from the sample to its arrival, at most."""
    tells_power: bool
    tells_odometer: bool
    tells_plug: bool
    takes_schedules: bool


class Connection(NamedTuple):
    """One vehicle's link to its telematics."""

    telematics: Telematics
    integrated: bool
    silences: Silences
    """The stretches of silence."""
    error_rate: float
    """Transient errors per day."""
    knows_home: bool
    """Whether the user's home location is known."""
    unlinked: Silences = ()
    """The silences in which there was no link at all, and so none that could fail."""


class StatusLog(NamedTuple):
    """The vehicle's state at one moment."""

    at: Instant
    logged_at: Instant
    stage: Stage
    telematics: Telematics
    battery_watt_hours: int
    target: int
    just_parked: bool

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        stage, tells = self.stage, self.telematics
        charging = stage.activity is Activity.CHARGING
        charge = stage.charge_at(self.at)
        target_charge = self.battery_watt_hours * self.target // 100
        watts = round(stage.watts * EFFICIENCY) if charging else 0
        current = (
            ("DC - Typically OTG chargers" if stage.direct_current else "AC - Typically home chargers")
            if charging
            else None
        )
        missing = max(0, target_charge - charge)
        percentage = min(100, charge * 100 // self.battery_watt_hours)
        return {
            "charge_energy_added_watt_hours": charge - stage.charge if charging else None,
            "charge_level_watt_hours": charge,
            "charge_rate_watts": watts if tells.tells_power else None,
            "current_type": current,
            "data_source": tells.controller,
            "estimated_charge_rate_watts": watts // 100 * 100 if charging else None,
            "is_charging": charging,
            "is_complete": stage.activity is Activity.COMPLETE if tells.tells_plug else None,
            "is_plugged_in": (charging or stage.activity in PLUGGED) if tells.tells_plug else None,
            "minutes_to_full_charge": missing * 60 // watts if charging and watts else None,
            "odometer_meters": stage.between(stage.odometer, stage.odometer_end, self.at)
            if tells.tells_odometer
            else None,
            "state": self._state(percentage),
            "state_of_charge_percentage": percentage,
            "target_charge_level_percentage": self.target,
            "target_charge_level_watt_hours": target_charge,
        }

    def _state(self, percentage: int) -> str:
        match self.stage.activity:
            case Activity.DRIVING:
                return "DRIVING"
            case Activity.PARKED:
                return "RECENTLY_FINISHED_DRIVING" if self.just_parked else "STATIONARY"
            case Activity.WAITING:
                return "PLUGGED_IN_NOT_CHARGING"
            case Activity.CHARGING:
                return "PLUGGED_IN_CHARGING" if percentage < self.target - _ALMOST else "PLUGGED_IN_ALMOST_COMPLETE"
            case Activity.COMPLETE:
                return "PLUGGED_IN_COMPLETE"


class LocationLog(NamedTuple):
    """A report of the vehicle's location."""

    at: Instant
    logged_at: Instant
    at_home: bool | None

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return {"at_home": self.at_home}


class CommandLog(NamedTuple):
    """One command sent to the vehicle."""

    at: Instant
    command: str
    milliamps: int | None
    internal_id: str
    external_id: str | None
    fails: bool

    @property
    def logged_at(self) -> Instant:
        """A command is logged as it is sent."""
        return self.at

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return {
            "command": self.command,
            "current_milliamps": self.milliamps,
            "external_command_id": self.external_id,
            "internal_command_id": self.internal_id,
        }


class Failure(NamedTuple):
    """An error of a telematics provider."""

    status_code: int
    code: str
    kind: str
    detail: str


_PASSING: Final = (
    Failure(408, "VEHICLE_ASLEEP", "VEHICLE_STATE", "The vehicle did not wake up in time."),
    Failure(429, "RATE_LIMIT", "RATE_LIMIT", "Too many requests for this vehicle."),
    Failure(
        502, "UPSTREAM_INVALID_RESPONSE", "UPSTREAM", "The manufacturer's service gave an answer that makes no sense."
    ),
    Failure(503, "UPSTREAM_UNAVAILABLE", "UPSTREAM", "The manufacturer's service is down."),
)
_SEVERED: Final = Failure(
    401, "INVALID_TOKEN", "AUTHENTICATION", "The owner's consent has ended; the vehicle must be reconnected."
)
_REFUSED: Final = Failure(409, "COMMAND_REFUSED", "VEHICLE_STATE", "The vehicle did not accept the command.")


class ErrorLog(NamedTuple):
    """One failed exchange with the telematics provider."""

    at: Instant
    failure: Failure
    controller: str
    command: str
    request_id: str
    internal_command_id: str | None

    @property
    def logged_at(self) -> Instant:
        """An error is logged as it happens."""
        return self.at

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return {
            "command": self.command,
            "controller": self.controller,
            "error_code": self.failure.code,
            "error_detail": self.failure.detail,
            "error_type": self.failure.kind,
            "internal_command_id": self.internal_command_id,
            "request_id": self.request_id,
            "status_code": self.failure.status_code,
        }


KINDS: Final[dict[str, LogKind]] = {
    kind.name: kind
    for kind in (
        LogKind("vehicle", "status_logs", "sampled_at", tells_logged_at=True),
        LogKind("vehicle", "error_logs", "logged_at", tells_logged_at=False),
        LogKind("vehicle", "command_logs", "logged_at", tells_logged_at=False),
        LogKind("vehicle", "location_logs", "sampled_at", tells_logged_at=True),
    )
}
"""The log collections of a vehicle."""


class VehicleReporter:
    """Writes one vehicle's logs, day by day."""

    __slots__ = ("connection", "life")

    def __init__(self, life: Life, connection: Connection) -> None:
        self.life = life
        self.connection = connection

    def hears(self, at: Instant) -> bool:
        """Return whether the link works at a moment."""
        return self.connection.integrated and not silent(self.connection.silences, at)

    def written(self, name: str, day: int) -> Sequence[Log]:
        """Return the logs of a day in one of the vehicle's collections, oldest first.

        Raises:
            KeyError: it has no such collection.
        """
        match name:
            case "status_logs":
                return self.status_logs(day)
            case "error_logs":
                return self.error_logs(day)
            case "command_logs":
                return self.command_logs(day)
            case "location_logs":
                return self.location_logs(day)
            case _:
                raise KeyError(name)

    def status_logs(self, day: int) -> Sequence[StatusLog]:
        """Return a sample every five minutes while something moves or flows, else every half hour."""
        if not self._talks(day):
            return ()
        chance = source(self.life.key, _STATUS, day)
        target, battery, telematics = (
            self.life.dawn(day).target,
            self.life.habits.battery_watt_hours,
            self.connection.telematics,
        )
        logs: list[StatusLog] = []
        drove = False
        for stage in self.life.stages(day):
            fresh = drove
            for at in samples(stage, (5 if stage.activity in _FREQUENT else 30) * MINUTE, chance):
                logs.append(
                    StatusLog(
                        at, at + lateness(telematics.delay_seconds, chance), stage, telematics, battery, target, fresh
                    )
                )
                fresh = False
            drove = stage.activity is Activity.DRIVING
        return self._heard(logs)

    def status_log_now(self, now: Instant) -> StatusLog | None:
        """Return an additional sample of the present; None while the vehicle is silent."""
        if not self.hears(now):
            return None
        day = self.life.day_of(now)
        stage = next(stage for stage in self.life.stages(day) if stage.start <= now < stage.end)
        return StatusLog(
            now,
            now,
            stage,
            self.connection.telematics,
            self.life.habits.battery_watt_hours,
            self.life.dawn(day).target,
            just_parked=False,
        )

    def location_logs(self, day: int) -> Sequence[LocationLog]:
        """Return a position every ten minutes on the road, else every hour."""
        if not self._talks(day):
            return ()
        chance = source(self.life.key, _LOCATION, day)
        logs: list[LocationLog] = []
        for stage in self.life.stages(day):
            period = (10 if stage.activity is Activity.DRIVING else 60) * MINUTE
            at_home = stage.at_home if self.connection.knows_home else None
            logs += [
                LocationLog(at, at + lateness(self.connection.telematics.delay_seconds, chance), at_home)
                for at in samples(stage, period, chance)
            ]
        return self._heard(logs)

    def command_logs(self, day: int) -> Sequence[CommandLog]:
        """Return the commands of smart charging: hold at plug-in, start at the hour, and again after a failure."""
        if not (self._talks(day) and (self.life.dawn(day).smart or self.life.switches(day))):
            return ()
        chance = source(self.life.key, _COMMAND, day)
        commands = [
            log for stage in self.life.stages(day) for log in self._commands(stage, chance) if log.at < stage.end
        ]
        return self._heard(sorted(commands, key=lambda log: log.at))

    def error_logs(self, day: int) -> Sequence[ErrorLog]:
        """Yield transient failures, refused commands, and continuous failures of a severed link."""
        connection = self.connection
        if not connection.integrated:
            return ()
        controller = connection.telematics.controller
        start, end = self.life.starts(day), self.life.starts(day + 1)
        refusing = source(self.life.key, _REFUSAL, day)
        logs = [
            ErrorLog(
                log.at + int(refusing.uniform(1, 6) * SECOND),
                _REFUSED,
                controller,
                log.command,
                uuid(refusing),
                log.internal_id,
            )
            for log in self.command_logs(day)
            if log.fails
        ]
        chance = source(self.life.key, _ERROR, day)
        for at in passing(start, end, 24 / connection.error_rate, chance):
            failure, request_id = chance.choice(_PASSING), uuid(chance)
            if not silent(connection.silences, at):
                logs.append(ErrorLog(at, failure, controller, "GET_STATUS", request_id, None))
        for since, until in connection.silences:
            chance = source(self.life.key, _ERROR, day, since)
            logs += [
                ErrorLog(at, _SEVERED, controller, "GET_STATUS", uuid(chance), None)
                for at in passing(max(start, since), end if until is None else min(end, until), 0.7, chance)
            ]
        logs = [log for log in logs if not silent(connection.unlinked, log.at)] if connection.unlinked else logs
        return sorted(logs, key=lambda log: log.at)

    def _commands(self, stage: Stage, chance: Random) -> Iterator[CommandLog]:
        if not stage.at_home:
            return
        if stage.activity is Activity.WAITING:
            yield _command("STOP_CHARGE", stage.start + 20 * SECOND, chance, milliamps=0)
            if self.connection.telematics.takes_schedules:
                yield _command("SEND_SCHEDULE", stage.start + 40 * SECOND, chance)
        elif stage.activity is Activity.CHARGING:
            milliamps = stage.watts * 1_000_000 // _MAINS_MILLIVOLTS
            yield _command("WAKE_UP", stage.start - 15 * SECOND, chance)
            if chance.random() < self.connection.error_rate / (self.connection.error_rate + 4):
                yield _command("START_CHARGE", stage.start - 9 * SECOND, chance, milliamps=milliamps, fails=True)
            yield _command("START_CHARGE", stage.start - SECOND, chance, milliamps=milliamps)

    def _talks(self, day: int) -> bool:
        if not self.connection.integrated:
            return False
        start, end = self.life.starts(day), self.life.starts(day + 1)
        return not any(since <= start and (until is None or end <= until) for since, until in self.connection.silences)

    def _heard(self, logs: list[L]) -> list[L]:
        silences = self.connection.silences
        return [log for log in logs if not silent(silences, log.at)] if silences else logs


def _command(
    command: str, at: Instant, chance: Random, *, milliamps: int | None = None, fails: bool = False
) -> CommandLog:
    at += chance.randrange(SECOND)
    return CommandLog(at, command, milliamps, uuid(chance), None if fails else uuid(chance), fails)
