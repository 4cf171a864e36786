"""Logs and errors show no secret while tokens are obtained."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import pytest

from ev_energy_async import (
    EvEnergy,
)

from .oauth_kit import APPS, ONCE, SECRET, Service, consented

if TYPE_CHECKING:
    from collections.abc import Callable


def _well(_: Service) -> None:
    """Nothing goes wrong."""


def _refused(service: Service) -> None:
    service.refresh_tokens.clear()
    service.expire()


def _html(service: Service) -> None:
    service.instead = [(200, b"<html>hidden-page</html>")] * 10
    service.expire()


def _down(service: Service) -> None:
    service.instead = [(503, b"")] * 10
    service.expire()


@pytest.mark.parametrize("then", [_well, _refused, _html, _down])
@pytest.mark.parametrize("kind", APPS)
async def test_no_secret_is_shown_from_consent_to_revocation(
    service: Service, caplog: pytest.LogCaptureFixture, kind: str, then: Callable[[Service], None]
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[object] = []
    auth = consented(attrs.evolve(APPS[kind], on_token=shown.append), service, "hidden-code")
    async with EvEnergy(auth, retry=ONCE) as ev:
        await ev.regions.list()
        then(service)
        for act in (ev.regions.list.with_response, ev.revoke):
            try:
                shown.append(await act())
            except Exception as error:  # noqa: BLE001  # whatever it is, it shows nothing
                shown += [error, vars(error), error.__cause__]
        shown += [auth, auth.pending, ev, ev.stats(), auth.client]

    assert auth.pending is not None
    secrets = [SECRET, "access-", "refresh-", "hidden", auth.pending.state, auth.pending.code_verifier or SECRET]
    everything = caplog.text + "".join(f"{each!r} {each}" for each in shown)
    assert [secret for secret in secrets if secret in everything] == []
