"""The sampler of the benchmarks: time is put down to whoever asked for it."""

from __future__ import annotations

import time

import pytest

from benchmarks import documents
from benchmarks.sampling import Sampler
from ev_energy_async import codec, models


def test_time_in_a_library_is_that_of_the_package_which_called_it() -> None:
    page = documents.log_page(1)
    with Sampler(2) as sampler:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            codec.decode_strict(page, list[models.VehicleStatusLog])
    shares = sampler.shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) == "codec/strict", shares
