"""Names: no group of operations may hide what the client has of its own, no field what a model has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ev_energy_async import EvEnergy
from ev_energy_async.api.groups import Groups
from ev_energy_async.values import Model
from generator.normal.names import FACADE, METHODS_OF_MODELS
from generator.problems import BadDocument
from tests.generator.small import document, made, thing

if TYPE_CHECKING:
    from pathlib import Path


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def test_every_name_of_the_client_is_kept_from_groups() -> None:
    assert public(EvEnergy) - public(Groups) <= FACADE, "add what is new to `FACADE` in generator/normal/names.py"


def test_the_methods_of_models_are_kept_from_fields() -> None:
    assert public(Model) == METHODS_OF_MODELS


@pytest.mark.parametrize("method", sorted(METHODS_OF_MODELS))
def test_a_field_that_is_called_like_a_method_of_models_fails_generation(method: str, tmp_path: Path) -> None:
    given = document(schemas={"Thing": thing(other={"type": "string"})})
    with pytest.raises(BadDocument, match=rf"Thing.*{method}"):
        made(given, f"{{fields: [{{at: Thing.other, name: {method}, why: w}}]}}", tmp_path)
