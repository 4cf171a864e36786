"""Examples stay small: their size is part of what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("application", "most"),
    [("fastapi_service", 250), ("home_assistant/custom_components", 350)],
    ids=["fastapi_service", "home_assistant"],
)
def test_an_application_fits_into_so_many_lines(application: str, most: int) -> None:
    files = list((EXAMPLES / application).rglob("*.py"))
    assert files
    assert sum(len(file.read_text().splitlines()) for file in files) <= most
