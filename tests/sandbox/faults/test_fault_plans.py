"""Fault plans as YAML: reading them, and errors about invalid ones."""

from pathlib import Path

import pytest

from ev_energy_async.sandbox import FaultPlan, FaultPlanError, Rule, read_plan
from ev_energy_async.sandbox.faults import EFFECTS, HtmlError, LateLogs, Latency, ResetAfter, SlowDrip, Unavailable
from ev_energy_async.sandbox.faults.reading import plan_of

PLAN = """
seed: 11
rules:
  - operation: vehicles.list_*_logs
    method: GET
    probability: 0.05
    effect: reset_after
  - path: /o/token/
    count: 2
    skip: 1
    from_seconds: 60
    until_seconds: 90.5
    effect: {kind: unavailable, retry_after_seconds: null}
  - effect:
      kind: latency
      seconds: 2
"""


def test_a_plan_is_read(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    assert read_plan(file) == FaultPlan(
        (
            Rule(ResetAfter(), operation="vehicles.list_*_logs", method="GET", probability=0.05),
            Rule(
                Unavailable(retry_after_seconds=None),
                path="/o/token/",
                count=2,
                skip=1,
                from_seconds=60,
                until_seconds=90.5,
            ),
            Rule(Latency(seconds=2)),
        ),
        seed=11,
    )


@pytest.mark.parametrize("kind", sorted(EFFECTS))
def test_every_effect_has_a_name_and_needs_nothing_more(kind: str) -> None:
    assert plan_of({"rules": [{"effect": kind}]}).rules == (Rule(EFFECTS[kind]()),)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (None, "the plan should be a mapping with `rules` and, if wanted, `seed`, not nothing"),
        ({"rule": []}, "the plan has no 'rule', 'rules' perhaps?"),
        ({}, "rules should be a list, not nothing"),
        ({"rules": [], "seed": "x"}, "seed should be an integer, not 'x'"),
        ({"rules": [{"effect": "stall"}, 5]}, "rule 2 should be a mapping with `effect` and what it is about, not 5"),
        ({"rules": [{"path": "/x"}]}, "rule 1 has no effect; the effects are latency, stall, "),
        ({"rules": [{"effect": "latncy"}]}, "rule 1: there is no effect 'latncy', 'latency' perhaps?"),
        ({"rules": [{"effect": {"seconds": 1}}]}, "rule 1: there is no effect None"),
        ({"rules": [{"effect": {"kind": "latency", "second": 1}}]}, "rule 1: latency has no 'second', 'seconds' perh"),
        (
            {"rules": [{"effect": {"kind": "latency", "seconds": "1"}}]},
            "rule 1: latency: seconds should be a number, not '1'",
        ),
        (
            {"rules": [{"effect": {"kind": "latency", "seconds": True}}]},
            "rule 1: latency: seconds should be a number, not True",
        ),
        (
            {"rules": [{"effect": {"kind": "latency", "seconds": -1}}]},
            "rule 1: latency: seconds is a number from 0 up, not -1",
        ),
        (
            {"rules": [{"effect": {"kind": "html_error", "status": 200}}]},
            "rule 1: html_error: status is an HTTP error from 400 to 599, not 200",
        ),
        ({"rules": [{"effect": "stall", "probability": 2}]}, "rule 1: probability is a number from 0 to 1, not 2"),
        ({"rules": [{"effect": "stall", "count": 1.5}]}, "rule 1: count should be a whole number, not 1.5"),
        ({"rules": [{"effect": "stall", "probability": None}]}, "rule 1: probability should be a number, not nothing"),
        ({"rules": [{"effect": "stall", "pathh": "/x"}]}, "rule 1 has no 'pathh', 'path' perhaps?"),
        ({"rules": [{"effect": "webhook_lost", "path": "/x"}]}, "rule 1: a webhook has no path"),
    ],
)
def test_what_is_wrong_is_named_with_its_rule(plan: object, said: str) -> None:
    with pytest.raises(FaultPlanError) as error:
        plan_of(plan)
    assert str(error.value).startswith(said)


def test_errors_in_files_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("rules: [")
    with pytest.raises(FaultPlanError, match=r"plan\.yaml is not YAML"):
        read_plan(file)
    file.write_text("rules: 5")
    with pytest.raises(FaultPlanError, match=r"plan\.yaml: rules should be a list, not 5"):
        read_plan(file)


def test_numbers_out_of_range_are_refused_in_python_too() -> None:
    with pytest.raises(ValueError, match="seconds"):
        Latency(seconds=float("nan"))
    with pytest.raises(ValueError, match="status"):
        HtmlError(status=302)
    with pytest.raises(ValueError, match="share"):
        LateLogs(share=1.5)
    with pytest.raises(ValueError, match="seconds"):
        LateLogs(seconds=-1)
    with pytest.raises(ValueError, match="piece_bytes"):
        SlowDrip(piece_bytes=0)
    with pytest.raises(ValueError, match="pause_seconds"):
        SlowDrip(pause_seconds=-1)
    with pytest.raises(ValueError, match="skip"):
        Rule(ResetAfter(), skip=-1)
