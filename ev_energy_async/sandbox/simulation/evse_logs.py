"""The logs of a home charger: status, error, command and OCPP logs."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

from ev_energy_async.sandbox.instants import MINUTE, SECOND, Instant, text
from ev_energy_async.sandbox.simulation.chance import source
from ev_energy_async.sandbox.simulation.habits import PLUGGED, Activity, Stage
from ev_energy_async.sandbox.simulation.life import Life
from ev_energy_async.sandbox.simulation.log_kinds import Log, LogKind
from ev_energy_async.sandbox.simulation.sampling import lateness, passing, samples, uuid
from ev_energy_async.sandbox.simulation.silence import Silences, silent
from ev_energy_async.sandbox.simulation.vehicle_logs import Failure

_STATUS: Final = 21  # kinds of draws
_ERROR: Final = 22
_COMMAND: Final = 23
_OCPP: Final = 24

_MAINS_VOLTS: Final = 230
_REFUSALS: Final = 0.04  # share of the OCPP calls that return an error
_SILENCES: Final = 0.02  # share of the OCPP calls without a response

_PASSING: Final = (
    Failure(404, "CHARGER_NOT_FOUND", "DEVICE", "The charger is not on this account."),
    Failure(504, "CHARGER_OFFLINE", "CONNECTIVITY", "The charger did not answer in time."),
    Failure(503, "UPSTREAM_UNAVAILABLE", "UPSTREAM", "The manufacturer's service is down."),
)


class Charger(NamedTuple):
    """The constants of a charge point."""

    controller: str
    speaks_ocpp: bool
    watts: int
    delay_seconds: float
    silences: Silences
    """The stretches of silence."""
    signal_dbm: int
    error_rate: float
    """Failures a day."""


class EvseStatusLog(NamedTuple):
    """The charger's state at one moment."""

    at: Instant
    logged_at: Instant
    stage: Stage
    charger: Charger
    millivolts: int
    signal_dbm: int

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        stage, charger = self.stage, self.charger
        charging = stage.at_home and stage.activity is Activity.CHARGING
        plugged = stage.at_home and stage.activity in PLUGGED
        watts = stage.watts if charging else 0
        return {
            "cable_current_rating_milliamps": 32_000 if plugged else None,
            "charge_rate_watts": watts,
            "control_pilot_status": "C" if charging else "B" if plugged else "A",
            "export_power_watts": None,
            "inlet_power_watts": watts + 300 if charger.speaks_ocpp else None,
            "is_charging": charging,
            "is_enabled": False,
            "is_plugged_in": plugged,
            "max_current_rating_milliamps": charger.watts * 1_000 // _MAINS_VOLTS,
            "meter_reading_watt_hours": stage.between(stage.meter, stage.meter_end, self.at),
            "mode": "Charge" if charging else "Delay" if plugged and stage.activity is Activity.WAITING else "Idle",
            "signal_strength_rssi_dbm": self.signal_dbm,
            "state_of_charge_percentage": None,
            "voltage_millivolts": self.millivolts,
        }


class EvseErrorLog(NamedTuple):
    """One failed exchange with the charger's provider."""

    at: Instant
    logged_at: Instant
    failure: Failure
    controller: str
    request_id: str

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return {
            "controller": self.controller,
            "error_code": self.failure.code,
            "error_detail": self.failure.detail,
            "error_type": self.failure.kind,
            "external_request_id": self.request_id,
            "internal_command_id": None,
            "status_code": self.failure.status_code,
        }


class EvseCommandLog(NamedTuple):
    """One command sent to the charger."""

    at: Instant
    reason: str
    milliamps: int
    internal_id: str

    @property
    def logged_at(self) -> Instant:
        """A command is logged as it is sent."""
        return self.at

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return {
            "always_enabled": False,
            "internal_command_id": self.internal_id,
            "is_enabled_target": None,
            "max_load_target_milliamps": self.milliamps,
            "reason": self.reason,
        }


class OcppLog(NamedTuple):
    """One OCPP 1.6 call and its response, stored together once the response has arrived."""

    at: Instant
    logged_at: Instant
    direction: str
    action: str
    payload: dict[str, object]
    message_id: str
    error_code: str | None
    """`NoError` for an ordinary response; None without a response."""
    answer: dict[str, object]

    def fields(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        failed = self.error_code != "NoError"
        response: dict[str, object] | None = None
        if self.error_code is not None:
            response = {
                "error_code": self.error_code,
                "error_description": "The charger could not do this." if failed else None,
                "payload": {} if failed else self.answer,
                "sampled_at": text(self.logged_at),
            }
        return {
            "action": self.action,
            "direction": self.direction,
            "message_id": self.message_id,
            "payload": self.payload,
            "response": response,
        }


KINDS: Final[dict[str, LogKind]] = {
    kind.name: kind
    for kind in (
        LogKind("evse", "status_logs", "sampled_at", tells_logged_at=True),
        LogKind("evse", "error_logs", "sampled_at", tells_logged_at=False),
        LogKind("evse", "command_logs", "logged_at", tells_logged_at=False),
        LogKind("evse", "ocpp_logs", "sampled_at", tells_logged_at=False),
    )
}
"""The log collections of a charge point."""


class EvseReporter:
    """Writes one charger's logs, day by day."""

    __slots__ = ("charger", "life")

    def __init__(self, life: Life, charger: Charger) -> None:
        self.life = life
        self.charger = charger

    def written(self, name: str, day: int) -> Sequence[Log]:
        """Return the logs of a day in one of the charger's collections, oldest first.

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
            case "ocpp_logs":
                return self.ocpp_logs(day)
            case _:
                raise KeyError(name)

    def status_logs(self, day: int) -> Sequence[EvseStatusLog]:
        """Return a sample every five minutes while it charges, else every half hour."""
        chance = source(self.life.key, _STATUS, day)
        logs: list[EvseStatusLog] = []
        for stage in self.life.stages(day):
            charging = stage.at_home and stage.activity is Activity.CHARGING
            for at in samples(stage, (5 if charging else 30) * MINUTE, chance):
                if self._hears(at):
                    logged_at = at + lateness(self.charger.delay_seconds, chance)
                    millivolts = _MAINS_VOLTS * 1_000 + chance.randint(-6_000, 9_000)
                    signal = self.charger.signal_dbm + chance.randint(-4, 4)
                    logs.append(EvseStatusLog(at, logged_at, stage, self.charger, millivolts, signal))
        return logs

    def error_logs(self, day: int) -> Sequence[EvseErrorLog]:
        """Yield transient failures, and continuous ones once the charger is offline."""
        chance = source(self.life.key, _ERROR, day)
        start, end = self.life.starts(day), self.life.starts(day + 1)
        mishaps = [
            (at, chance.choice(_PASSING), lateness(5, chance), uuid(chance))
            for at in passing(start, end, 24 / self.charger.error_rate, chance)
        ]
        mishaps = [mishap for mishap in mishaps if self._hears(mishap[0])]
        for since, until in self.charger.silences:
            chance = source(self.life.key, _ERROR, day, since)
            mishaps += [
                (at, _PASSING[1], lateness(5, chance), uuid(chance))
                for at in passing(max(start, since), end if until is None else min(end, until), 1.5, chance)
            ]
        return [
            EvseErrorLog(at, at + late, failure, self.charger.controller, request_id)
            for at, failure, late, request_id in sorted(mishaps, key=lambda mishap: mishap[0])
        ]

    def command_logs(self, day: int) -> Sequence[EvseCommandLog]:
        """Yield the commands of a plug-in: hold at first, start at the scheduled hour."""
        chance = source(self.life.key, _COMMAND, day)
        full = self.charger.watts * 1_000 // _MAINS_VOLTS
        logs: list[EvseCommandLog] = []
        for stage in self.life.stages(day):
            if not stage.at_home or not self._hears(stage.start):
                continue
            at = stage.start + chance.randrange(3 * SECOND, 9 * SECOND)
            if stage.activity is Activity.WAITING:
                logs.append(EvseCommandLog(at, "STOP_CHARGE", 0, uuid(chance)))
            elif stage.activity is Activity.CHARGING:
                logs.append(
                    EvseCommandLog(at, chance.choice(("SCHEDULED_CHARGING", "START_CHARGE")), full, uuid(chance))
                )
        return logs

    def ocpp_logs(self, day: int) -> Sequence[OcppLog]:
        """Return the day's conversation with a charger that speaks OCPP; nothing with others."""
        if not self.charger.speaks_ocpp:
            return ()
        chance = source(self.life.key, _OCPP, day)
        calls = [call for stage in self.life.stages(day) for call in self._calls(stage, chance)]
        return [call for call in sorted(calls, key=lambda call: call.at) if self._hears(call.at)]

    def _calls(self, stage: Stage, chance: Random) -> Iterator[OcppLog]:
        connector: dict[str, object] = {"connectorId": 1}
        plugged = stage.at_home and stage.activity in PLUGGED
        charging = stage.at_home and stage.activity is Activity.CHARGING
        status = "Charging" if charging else "Preparing" if plugged else "Available"
        yield _call("StatusNotification", stage.start, chance, {**connector, "errorCode": "NoError", "status": status})
        for at in samples(stage, 120 * MINUTE, chance):
            if at + 32 * SECOND < stage.end:
                yield _call("Heartbeat", at + 30 * SECOND, chance, {}, {"currentTime": text(at + 31 * SECOND)})
        if not charging:
            return
        profile: dict[str, object] = {**connector, "csChargingProfiles": {"chargingProfileId": 1, "stackLevel": 0}}
        accepted: dict[str, object] = {"status": "Accepted"}
        transaction: dict[str, object] = {"transactionId": chance.randrange(1, 1_000_000)}
        tag: dict[str, object] = {"idTag": "EVENERGY"}
        yield _call("SetChargingProfile", stage.start + SECOND, chance, profile, accepted, sent=True)
        yield _call("RemoteStartTransaction", stage.start + 2 * SECOND, chance, connector | tag, accepted, sent=True)
        begun = connector | tag | {"meterStart": stage.meter, "timestamp": text(stage.start)}
        yield _call("StartTransaction", stage.start + 3 * SECOND, chance, begun, transaction | {"idTagInfo": accepted})
        for at in samples(stage, 15 * MINUTE, chance):
            value: dict[str, object] = {"value": str(stage.between(stage.meter, stage.meter_end, at)), "unit": "Wh"}
            reading: dict[str, object] = {"meterValue": [{"timestamp": text(at), "sampledValue": [value]}]}
            if at + 7 * SECOND < stage.end:
                yield _call("MeterValues", at + 5 * SECOND, chance, connector | transaction | reading)
        stop = transaction | {"meterStop": stage.meter_end, "timestamp": text(stage.end)}
        yield _call("StopTransaction", stage.end - SECOND, chance, stop, {"idTagInfo": accepted})

    def _hears(self, at: Instant) -> bool:
        return not silent(self.charger.silences, at)


def _call(
    action: str,
    at: Instant,
    chance: Random,
    payload: dict[str, object],
    answer: dict[str, object] | None = None,
    *,
    sent: bool = False,
) -> OcppLog:
    at += chance.randrange(SECOND)
    luck = chance.random()
    error: str | None = "NoError"
    if luck < _SILENCES:
        error = None
    elif luck < _SILENCES + _REFUSALS:
        error = chance.choice(("GenericError", "InternalError", "NotSupported"))
    answered_at = at + chance.randrange(30_000, SECOND)
    message_id = uuid(chance) if sent else str(chance.randrange(1, 1 << 31))
    direction = "Sent" if sent else "Received"
    return OcppLog(at, answered_at, direction, action, payload, message_id, error, answer or {})
