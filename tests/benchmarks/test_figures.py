"""The benchmarks' arithmetic and tables: a wrong ratio would be believed."""

from __future__ import annotations

import json
from statistics import median
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import documents, report
from benchmarks.contenders.limit import StatusLog, Vehicle
from benchmarks.figures import Compared, Target, compare, middle
from benchmarks.peers import inputs
from benchmarks.rows import ROWS, Row, row
from ev_energy_async import codec, models

COSTS = st.lists(st.floats(0.1, 100), min_size=1, max_size=20)


@given(COSTS)
def test_the_spread_is_around_the_median(values: list[float]) -> None:
    value, low, high = middle(values)

    assert value == median(values)
    assert min(values) <= low <= value <= high <= max(values)


def test_of_a_few_rounds_the_extremes_are_the_spread() -> None:
    assert middle([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def test_without_samples_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no samples"):
        middle([])


def test_ratios_are_taken_round_by_round() -> None:
    # The machine was twice as slow in the second round and three times in the third; the ratio never changed.
    found = compare(Target("ratio", 1.25, ("limit",)), {"ours": [1.2, 2.4, 3.6], "limit": [1.0, 2.0, 3.0]})

    assert found is not None
    assert found.value == pytest.approx(1.2)
    assert found.high == pytest.approx(1.2)
    assert found.is_met


def test_a_difference_is_what_ours_takes_more() -> None:
    found = compare(Target("difference", 0.08, ("limit",)), {"ours": [0.09], "limit": [0.02]})

    assert found is not None
    assert found.value == pytest.approx(0.07)


def test_of_several_others_the_quickest_counts() -> None:
    samples = {"ours": [1.0], "openapi_generator": [10.0], "clientele": [4.0]}

    found = compare(Target("ratio", 1 / 3, ("openapi_generator", "clientele")), samples)

    assert found is not None
    assert found.value == 0.25


@pytest.mark.parametrize("samples", [{}, {"ours": [1.0]}, {"limit": [1.0]}, {"ours": [1.0], "limit": []}])
def test_a_target_without_figures_is_not_judged(samples: dict[str, list[float]]) -> None:
    assert compare(Target("ratio", 1.25, ("limit",)), samples) is None


@pytest.mark.parametrize(("value", "met", "far_off"), [(1.25, True, False), (1.26, False, False), (2.51, False, True)])
def test_only_twice_the_target_is_far_off(value: float, met: bool, far_off: bool) -> None:
    found = Compared(value, value, value, 1.25)

    assert (found.is_met, found.is_far_off) == (met, far_off)


def test_what_must_be_nothing_is_far_off_at_once() -> None:
    assert Compared(1, 1, 1, 0).is_far_off
    assert not Compared(0, 0, 0, 0).is_far_off


# --- The table


def test_the_table_says_what_was_measured_and_whether_the_target_is_met() -> None:
    samples = {"requests": {"ours": [0.275], "limit": [0.25], "openapi_python_client": [2.0]}}

    lines = report.table(samples).splitlines()

    assert len(lines) == 3
    assert lines[2].startswith(
        "| 1,000 requests for a page of 100 logs, 100 at a time | ms | **275** |  | 250 | 2,000 |"
    )
    assert "1.10 × (b) [1.10–1.10], at most 1.15 ✓<br>0.14 × (c) [0.14–0.14], at most 0.12 ✗" in lines[2]


def test_a_figure_that_stands_alone_is_said_in_its_unit() -> None:
    samples = {"waiting": {"ours": [7_000.0]}, "queued": {"ours": [0.0]}}

    said = [report.describe(line, target, found, samples[line.key]) for line, target, found in report.judge(samples)]

    assert said == ["7.00 KB, at most 12.0 ✓", "0, at most 0 ✓"]


def test_the_summary_has_our_figure_first_and_those_of_the_others_by_letter() -> None:
    samples = {"decode_logs": {"limit": [115e-6], "ours": [109e-6], "clientele": [419e-6]}, "list": {"ours": [1.0]}}

    assert report.summary(samples) == "- Decode a page of 100 status logs: **109 µs**; (b) 115, (e) 419"


@pytest.mark.parametrize(
    ("line", "target"), [(line, target) for line in ROWS for target in line.targets if target.against]
)
def test_each_opponent_of_a_target_has_a_name(line: Row, target: Target) -> None:
    samples = {target.ours: [1.0], target.against[0]: [1.0]}

    [(_, _, found)] = [each for each in report.judge({line.key: samples}) if each[1] == target]

    assert report.describe(line, target, found, samples)


def test_a_run_of_some_parts_leaves_the_rows_of_the_others() -> None:
    earlier: dict[str, Any] = {"machine": "old", "samples": {"a": 1, "b": 1}, "stages": {}, "skipped": {}}
    later: dict[str, Any] = {"machine": "new", "samples": {"b": 2}, "stages": {"call": {}}, "skipped": {}}

    assert report.merged(earlier, later) == {**later, "samples": {"a": 1, "b": 2}}


def test_the_section_is_replaced_and_the_rest_stays() -> None:
    text = "before\n<!-- benchmarks: written by `make bench` -->\nold\n<!-- benchmarks: end -->\nafter\n"

    once = report.replace_section(text, "new")

    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "\nnew\n" in once
    assert "old" not in once
    assert report.replace_section(once, "new") == once


def test_a_readme_without_markers_is_not_touched() -> None:
    with pytest.raises(ValueError, match="no <!-- benchmarks"):
        report.replace_section("text", "new")


def test_rows_have_a_name_each() -> None:
    assert len({each.key for each in ROWS}) == len(ROWS)
    assert row("list").title == "List 10,000 vehicles, following `Link`"


# --- What is measured is the real thing


@pytest.mark.parametrize("variant", ["plain", "unknown"])
def test_the_documents_keep_to_the_schema(variant: documents.Variant) -> None:
    logs = codec.decode_strict(documents.log_page(3, variant), list[models.VehicleStatusLog])
    vehicles = codec.decode_strict(documents.vehicle_page(3, variant), list[models.Vehicle])

    assert len(logs) == len(vehicles) == 100
    assert any(not log.state.is_known for log in logs) is (variant == "unknown")


def test_documents_with_drift_do_not() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(documents.log_page(3, "drift"), type=list[models.VehicleStatusLog])
    assert len(codec.decode(documents.log_page(3, "drift"), list[models.VehicleStatusLog])) == 100


def test_the_limit_decodes_all_that_ours_does() -> None:
    for limit, ours in ((StatusLog, models.VehicleStatusLog), (Vehicle, models.Vehicle)):
        assert {each.name for each in attrs.fields(limit)} == {each.name for each in attrs.fields(ours)}


def test_the_peers_inputs_differ_only_where_they_must() -> None:
    before = """{
        "webhooks": {},
        "paths": {"/x": {"get": {"operationId": "a:b", "requestBody": {"content": {}}}}},
        "components": {"schemas": {"Vehicle": {"properties": {"trim": {"oneOf": []}}}, "VehicleTrim": {}}}
    }"""
    document = json.loads(before)

    made = inputs(document)

    assert document == json.loads(before)
    assert made["openapi_python_client"] == document
    assert made["clientele"]["paths"]["/x"]["get"]["operationId"] == "a_b"
    assert made["openapi_generator"]["paths"]["/x"]["get"] == {"operationId": "a:b"}
    assert "webhooks" not in made["openapi_generator"]
    trim = made["openapi_generator"]["components"]["schemas"]["Vehicle"]["properties"]["trim"]
    assert trim["title"] == "VehicleTrimReference"
