"""Unions of models: the member that a document means, not the first that takes it."""

from __future__ import annotations

import pytest

from ev_energy_async import DecodeError, codec
from ev_energy_async.calls import build_request
from ev_energy_async.codec import Codec
from ev_energy_async.models import GeoJsonMultiPolygon, GeoJsonPolygon, RegionCreate

DOCUMENT = b'{"name":"x","geometries":[{"type":"%s","coordinates":[]}]}'


@pytest.mark.parametrize(("kind", "model"), [(b"Polygon", GeoJsonPolygon), (b"MultiPolygon", GeoJsonMultiPolygon)])
def test_a_listed_value_says_which_member_is_meant(kind: bytes, model: type) -> None:
    made = Codec()
    region = made.decode(DOCUMENT % kind, RegionCreate)
    assert type(region.geometries[0]) is model
    assert made.drift == frozenset()
    assert codec.decode_strict(DOCUMENT % kind, RegionCreate) == region


def test_a_value_that_no_member_lists_is_a_guess_and_told() -> None:
    made = Codec()
    made.decode(DOCUMENT % b"Heart", RegionCreate)
    assert {drift.kind for drift in made.drift} == {"guessed"}


def test_an_error_is_that_of_the_member_that_is_meant() -> None:
    with pytest.raises(DecodeError, match=r"\$\.geometries\[0\]\.coordinates"):
        codec.decode(b'{"name":"x","geometries":[{"type":"Polygon","coordinates":"here"}]}', RegionCreate)


def test_a_body_is_sent_as_the_member_that_it_is() -> None:
    from ev_energy_async.api import regions  # noqa: PLC0415  # its table of operations is private

    sent = build_request(
        regions._CREATE_REGION,  # pyright: ignore[reportPrivateUsage]  # see above
        body={"name": "x", "geometries": [{"type": "Polygon", "coordinates": [[[0, 1.5]]]}]},
    )
    assert sent.body == b'{"geometries":[{"coordinates":[[[0.0,1.5]]],"type":"Polygon"}],"name":"x"}'
