"""Every public attrs class goes out as JSON by the documented way: one that is added takes part by itself."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import json
import math
from random import Random
from typing import Any, Final

import attrs
import pytest
from multidict import CIMultiDict

from ev_energy_async import DecodeError, MemoryTokenStore
from ev_energy_async.codec import json_value
from ev_energy_async.devices import Placed
from ev_energy_async.fleet import Plan, Reason
from ev_energy_async.fleet.coverage import Row
from ev_energy_async.fleet.plan import Usage
from ev_energy_async.fleet.sub_sessions.changes import Change
from ev_energy_async.masking import Secret
from ev_energy_async.models import ChargingSubSession, User, Vehicle, VehicleStatusLog
from ev_energy_async.sandbox.faults import Effect, Latency
from ev_energy_async.testing import build
from ev_energy_async.values import Model
from ev_energy_async.webhooks import UnknownEvent
from tests.public import names_of, public_modules

NO_JSON: Final = {
    "Batch": "its rows are a table of Arrow, which has writers of its own",
    "Report": "its pictures are a page, which it saves",
}
HIDDEN: Final = "not to be shown"
TIME: Final = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)
LOG: Final = VehicleStatusLog(sampled_at=TIME, is_charging=None)
# What fields may hold, by the name of their type: of several, what JSON has the most trouble with.
VALUES: Final[dict[str, Any]] = {
    **{type(each).__name__: each for each in (Secret(HIDDEN), MemoryTokenStore(), Usage(history=math.inf), LOG)},
    **{each.__name__: build(each) for each in (ChargingSubSession, User, Vehicle)},
    **dict.fromkeys(("Any", "DeviceT", "ErrorT", "StatusT", "L_co", "M_co", "T_co"), LOG),
    **dict.fromkeys(("Callable", "OnBadItem", "OnToken", "Pick"), print),
    **dict.fromkeys(("Kind", "str"), "text"),
    "bool": True, "bytes": b"\xff", "int": 1, "float": math.nan, "datetime": TIME,
    "timedelta": dt.timedelta(seconds=1.5), "EvEnergyError": DecodeError("no", "$"), "Reason": Reason.BUDGET,
    "Change": Change(TIME, None), "Row": Row("v", "status", TIME, None, None, ()), "UserContext": "none",
    "TokenStore": MemoryTokenStore(), "CIMultiDict": CIMultiDict(name="value"), "Effect": Latency(),
    "Placed": Placed(1, "at", LOG), "Random": Random(7),
    "Payload": UnknownEvent("x.y", data={"since": TIME}),
    "Plan": Plan(
        vehicles=1, budget=1, requests=Usage(), fits=False, every=60.0, complete_within=math.inf, late_every=1.0,
        fitting_budget=2,
    ),
}  # fmt: skip
# Fields that are checked.
CHECKED: Final[dict[str, Any]] = {
    **dict.fromkeys(("authorize_url", "base_url", "redirect_uri", "token_url"), "https://localhost/v2"),
    "end": TIME + dt.timedelta(hours=1),
    **dict.fromkeys(("base", "from_seconds", "probability", "until_seconds"), 0.5),
    "longest": 30.0,
    "outcome": TimeoutError(),
}


def exported() -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for module in public_modules().values():
        for name in names_of(module):
            each = getattr(module, name)
            if isinstance(each, type) and attrs.has(each) and not issubclass(each, Model) and name not in NO_JSON:
                assert found.setdefault(name, each) is each, f"there are two {name}"
    return found


EXPORTED: Final = exported()


def made(kind: Any) -> Any:
    """Make an instance of which each field is set; of faults, whose numbers have limits, the usual one."""
    if issubclass(kind, Effect):
        return kind()
    given: dict[str, Any] = {}
    for field in attrs.fields(kind):
        if field.init and field.alias and not field.name.startswith("_"):
            # Modules whose annotations are evaluated have types in place of texts.
            text = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
            annotation = ast.parse(text, mode="eval").body
            given[field.alias] = CHECKED[field.name] if field.name in CHECKED else value(annotation)
    return kind(**given)


def value(annotation: ast.expr) -> Any:
    """Return a value that an annotation allows."""
    match annotation:
        case ast.BinOp(left=left):
            return value(left)
        case ast.Subscript(value=ast.Name("Literal"), slice=ast.Tuple(elts=[ast.Constant(one), *_])):
            return one
        case ast.Subscript(value=ast.Name("tuple"), slice=ast.Tuple(elts=[*items])):
            return tuple(value(each) for each in items if not isinstance(each, ast.Constant))
        case ast.Subscript(value=ast.Name("frozenset"), slice=item):
            return frozenset({value(item)})
        case ast.Subscript(value=ast.Name("list" | "Sequence"), slice=item):
            return [value(item)]
        case ast.Subscript(value=ast.Name("dict" | "Mapping"), slice=ast.Tuple(elts=[key, item])):
            return {value(key): value(item)}
        case ast.Subscript(value=named) | named:
            name = ast.unparse(named).rpartition(".")[2]
            return VALUES[name] if name in VALUES else made(EXPORTED[name])


@pytest.mark.parametrize("kind", EXPORTED.values(), ids=EXPORTED)
def test_every_public_class_goes_out_as_json(kind: type[Any]) -> None:
    instance = made(kind)
    found = json.dumps(attrs.asdict(instance, value_serializer=json_value), allow_nan=False)
    assert (found == "{}") == (not attrs.fields(kind))  # some faults are nothing but their kind
    assert HIDDEN not in found
    if hasattr(instance, "to_json"):
        assert json.loads(instance.to_json()).items() <= json.loads(found).items()
