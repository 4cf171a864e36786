"""Reads a fault plan from YAML, or from the same as plain values; what does not fit is named with its rule.

seed: 7
rules:
  - operation: vehicles.list_*_logs
    probability: 0.05
    effect: reset_after
  - path: /o/token/
    count: 2
    effect: {kind: unavailable, retry_after_seconds: 3}
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

import attrs

from ev_energy_async.sandbox.faults.effects import Effect
from ev_energy_async.sandbox.faults.plan import EFFECTS, FaultPlan, Rule

_KINDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "float": ((int, float), "a number"),
    "int": ((int,), "a whole number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "text"),
}


class FaultPlanError(ValueError):
    """An invalid plan; the message says where and what is expected."""


def read_plan(path: str | Path) -> FaultPlan:
    """Return the plan in a YAML file. Needs PyYAML, which the extra `[sandbox]` brings.

    Raises:
        FaultPlanError: it is not YAML, or not a plan.
        ModuleNotFoundError: PyYAML is not installed.
        OSError: the file can't be read.
    """
    import yaml  # noqa: PLC0415  # needs the extra

    try:
        plain: object = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FaultPlanError(f"{path} is not YAML: {error}") from error
    try:
        return plan_of(plain)
    except FaultPlanError as error:
        raise FaultPlanError(f"{path}: {error}") from error


def plan_of(plain: object) -> FaultPlan:
    """Return the plan that plain values describe.

    Raises:
        FaultPlanError: they describe none.
    """
    raw = _mapping(plain, "the plan", "a mapping with `rules` and, if wanted, `seed`")
    _only(raw, ("rules", "seed"), "the plan")
    seed = raw.get("seed", 7)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultPlanError(f"seed should be an integer, not {seed!r}")
    rules = raw.get("rules")
    if not isinstance(rules, list):
        raise FaultPlanError(f"rules should be a list, not {_told(rules)}")
    return FaultPlan(tuple(_rule(entry, number) for number, entry in enumerate(cast("list[object]", rules), 1)), seed)


def _rule(plain: object, number: int) -> Rule:
    where = f"rule {number}"
    raw = _mapping(plain, where, "a mapping with `effect` and what it is about")
    if "effect" not in raw:
        raise FaultPlanError(f"{where} has no effect; the effects are {', '.join(EFFECTS)}")
    effect = _effect(raw["effect"], where)
    known = {field.name: field for field in attrs.fields(Rule) if field.name != "effect"}
    _only(raw, ("effect", *known), where)
    options: dict[str, Any] = {name: _value(known[name], raw[name], where) for name in raw if name != "effect"}
    try:
        return Rule(effect, **options)
    except ValueError as error:
        raise FaultPlanError(f"{where}: {error}") from error


def _effect(plain: object, where: str) -> Effect:
    raw = {"kind": plain} if isinstance(plain, str) else _mapping(plain, f"{where}: effect", "a name or a mapping")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in EFFECTS:
        raise FaultPlanError(f"{where}: there is no effect {kind!r}{_hint(kind, tuple(EFFECTS))}")
    known = {field.name: field for field in attrs.fields(EFFECTS[kind])}
    _only(raw, ("kind", *known), f"{where}: {kind}")
    options = {name: _value(known[name], raw[name], f"{where}: {kind}") for name in raw if name != "kind"}
    try:
        return EFFECTS[kind](**options)
    except ValueError as error:
        raise FaultPlanError(f"{where}: {kind}: {error}") from error


def _value(field: "attrs.Attribute[Any]", value: object, where: str) -> object:
    kind, _, optional = str(getattr(field.type, "__name__", field.type)).partition(" | ")
    if value is None and optional == "None":
        return None
    types, expected = _KINDS[kind]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise FaultPlanError(f"{where}: {field.name} should be {expected}, not {_told(value)}")
    return value


def _mapping(plain: object, where: str, expected: str) -> Mapping[str, object]:
    if not isinstance(plain, dict):
        raise FaultPlanError(f"{where} should be {expected}, not {_told(plain)}")
    return {str(name): value for name, value in cast("dict[object, object]", plain).items()}


def _only(raw: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for name in raw:
        if name not in known:
            raise FaultPlanError(f"{where} has no {name!r}{_hint(name, known)}")


def _hint(written: object, known: tuple[str, ...]) -> str:
    close = get_close_matches(str(written), known, n=1)
    return f", {close[0]!r} perhaps?" if close else f"; known are {', '.join(known)}"


def _told(value: object) -> str:
    return "nothing" if value is None else f"{value!r}"
