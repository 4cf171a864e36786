"""A small fleet with a bit of everything, always the same; and the pictures of it that are kept in `golden/`.

`python -m tests.report.sample` writes these anew: look at what has changed, and at the page, before you commit it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ev_energy_async import models as m
from ev_energy_async.report import Report, report
from ev_energy_async.tables import table

__all__ = ["GOLDEN", "NOW", "VEHICLES", "sample", "written"]

NOW: Final = dt.datetime(2026, 11, 28, 12, 30, tzinfo=dt.UTC)
GOLDEN: Final = Path(__file__).with_name("golden")
VEHICLES: Final = [f"vhcl01HRFF3SEVSCRAV9B3CHVDFN{number:02}" for number in range(8)]
_HOURS: Final = 30


def _url(vehicle: str) -> str:
    return f"https://api.ev.energy/v2/vehicles/{vehicle}"


def _status() -> list[m.VehicleStatusLog]:
    """A log an hour of each vehicle; those of the last vehicles end earlier, or have a hole."""
    logs: list[m.VehicleStatusLog] = []
    for number, vehicle in enumerate(VEHICLES):
        for back in range(_HOURS):
            if (number == 7 and back < 26) or (number == 6 and back < 8) or (number == 5 and 10 <= back < 14):
                continue
            at = NOW - back * dt.timedelta(hours=1) - dt.timedelta(minutes=5 * number)
            logs.append(
                m.VehicleStatusLog(
                    vehicle=_url(vehicle),
                    sampled_at=at,
                    logged_at=at,
                    state_of_charge_percentage=None if number == 4 else 15 + 11 * number,
                    is_charging=at.hour < 6 and number % 2 == 0,
                )
            )
    return logs


def _errors() -> list[m.VehicleAPIErrorLog]:
    kinds = [("ENODE", "VEHICLE_ASLEEP")] * 5 + [("TESLA", "RATE_LIMIT")] * 3 + [("ENODE", None)]
    made: list[m.VehicleAPIErrorLog] = []
    for number, (controller, code) in enumerate(kinds):
        log = m.VehicleAPIErrorLog(
            vehicle=_url(VEHICLES[number % 3]),
            logged_at=NOW - number * dt.timedelta(hours=2),
            controller=controller,
            status_code=502,
        )
        if code is not None:
            log.error_code = code
        made.append(log)
    return made


def _cycles() -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "began_at": NOW - number * dt.timedelta(minutes=20),
            "spent": {"snapshot": 1, "history": 3 + number, "errors": 2, "late": number % 2, "checks": 0},
        }
        for number in range(9)
    ]
    return pa.Table.from_pylist(rows)


def sample() -> dict[str, Any]:
    """Return the tables of the fleet."""
    return {
        "vehicle_status_log": table(_status()),
        "vehicle_api_error_log": table(_errors()),
        "cycle_finished": _cycles(),
    }


def written(made: Report) -> dict[str, str]:
    """Return the specifications of a report's pictures as text, by name."""
    return {
        f"{picture.name}-{number}": json.dumps(spec, indent=1, sort_keys=True) + "\n"
        for picture in made.pictures
        for number, spec in enumerate(picture.specs)
    }


if __name__ == "__main__":
    for name, text in written(report(sample(), now=NOW)).items():
        (GOLDEN / f"{name}.json").write_text(text, encoding="utf-8")
