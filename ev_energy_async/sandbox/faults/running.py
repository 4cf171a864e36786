"""Plays a fault plan: which effects strike this request. No I/O; time comes in as an argument.

Each rule draws for itself, from the plan's seed, its own number and how many requests it has matched: what other rules
or other requests do changes nothing for it.
"""

from fnmatch import fnmatchcase
from random import Random

import attrs

from ev_energy_async.sandbox.faults.effects import Effect, RateLimited
from ev_energy_async.sandbox.faults.plan import WEBHOOK_EFFECTS, FaultPlan, Rule
from ev_energy_async.sandbox.faults.world_effects import ArrivalEffect
from ev_energy_async.sandbox.instants import SECOND, Instant


@attrs.frozen
class Strike:
    """An effect that strikes, with the source of chance for its details."""

    effect: Effect
    chance: Random


@attrs.frozen
class Target:
    """The properties of a request or delivery that rules match."""

    operation: str | None
    """The operation's name; None for other requests."""
    method: str
    path: str
    below: str
    """The path below the base URL; the same as `path` for what lies elsewhere."""


class _Playing:
    """One rule and how far it has come."""

    def __init__(self, rule: Rule, number: int, seed: int, start: Instant) -> None:
        self.rule = rule
        self._key = f"{seed}:{number}"
        self._begins = start + round(rule.from_seconds * SECOND)
        self._ends = None if rule.until_seconds is None else start + round(rule.until_seconds * SECOND)
        self._seen = 0
        self._struck = 0
        self._storm_until: Instant | None = None

    def strike(self, now: Instant) -> Strike | None:
        """Decide whether the rule strikes a request that matches it."""
        if now < self._begins or (self._ends is not None and now >= self._ends):
            return None
        self._seen += 1
        chance = Random(f"{self._key}:{self._seen}")
        drawn = chance.random() < self.rule.probability
        if self._storm_until is not None and now < self._storm_until:
            return Strike(self.rule.effect, chance)
        if self._seen <= self.rule.skip or (self.rule.count is not None and self._struck >= self.rule.count):
            return None
        if not drawn:
            return None
        self._struck += 1
        effect = self.rule.effect
        if isinstance(effect, RateLimited) and effect.storm_seconds:
            self._storm_until = now + round(effect.storm_seconds * SECOND)
        return Strike(effect, chance)


class Faults:
    """A plan under way."""

    def __init__(self, plan: FaultPlan, start: Instant) -> None:
        """Start to play a plan at `start`."""
        self.plan = plan
        self._rules: list[_Playing] = []
        self._webhook_rules: list[_Playing] = []
        for number, rule in enumerate(plan.rules):
            if isinstance(rule.effect, ArrivalEffect):
                continue  # which is the world's
            playing = _Playing(rule, number, plan.seed, start)
            (self._webhook_rules if isinstance(rule.effect, WEBHOOK_EFFECTS) else self._rules).append(playing)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def strikes(self, target: Target, now: Instant) -> list[Strike]:
        """Return the effects that strike a request, in the order of the rules."""
        return _struck([playing for playing in self._rules if _matches(playing.rule, target)], now)

    def webhook_strikes(self, event_type: str, now: Instant) -> list[Strike]:
        """Return the effects that strike the delivery of an event."""
        matching = [
            playing for playing in self._webhook_rules if fnmatchcase(event_type, playing.rule.operation or "*")
        ]
        return _struck(matching, now)


def _struck(matching: list[_Playing], now: Instant) -> list[Strike]:
    return [strike for playing in matching if (strike := playing.strike(now)) is not None]


def _matches(rule: Rule, target: Target) -> bool:
    if rule.method is not None and rule.method.upper() != target.method:
        return False
    if rule.path is not None and not (fnmatchcase(target.path, rule.path) or fnmatchcase(target.below, rule.path)):
        return False
    if rule.operation is None and rule.path is not None:
        return True
    return target.operation is not None and fnmatchcase(target.operation, rule.operation or "*")
