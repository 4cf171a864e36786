"""Values that are made up from the document's schemas."""

from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ev_energy_async.sandbox.protocol.document import load
from ev_energy_async.sandbox.protocol.examples import example


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "name", ["ChargingSubSessionAssessmentMetrics", "EVSEFirmwareVersion", "IncentiveScheme", "Program", "Notification"]
)
def test_what_is_made_up_fits_its_schema_and_follows_from_the_seed(name: str, seed: int) -> None:
    made = example(name, Random(seed))
    assert made == example(name, Random(seed))
    schema: dict[str, Any] = {**load().schemas[name], "required": [], "schemas": load().schemas}
    Draft202012Validator(schema).validate(made)  # pyright: ignore[reportUnknownMemberType]  # as jsonschema types it
    assert not {"id", "url"} & set(made)


def test_what_is_given_is_kept() -> None:
    assert example("EVSEFirmwareVersion", Random(1), version="3.4.1")["version"] == "3.4.1"
