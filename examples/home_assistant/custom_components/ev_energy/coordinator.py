"""Reads the vehicles of an account, all in one request."""

import logging
from datetime import timedelta
from typing import TypeAlias

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import OAuth2Session
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from ev_energy_async import CallableAuth, EvEnergy, EvEnergyError, ReauthenticationRequired
from ev_energy_async.models import Vehicle

from . import const

EvEnergyEntry: TypeAlias = "ConfigEntry[EvEnergyCoordinator]"

_LOG = logging.getLogger(__name__)
_EVERY = timedelta(minutes=5)


class EvEnergyCoordinator(DataUpdateCoordinator[dict[str, Vehicle]]):
    """The client of an account, and its vehicles by ID."""

    config_entry: EvEnergyEntry

    def __init__(self, hass: HomeAssistant, entry: EvEnergyEntry, oauth: OAuth2Session) -> None:
        super().__init__(hass, _LOG, config_entry=entry, name=const.DOMAIN, update_interval=_EVERY)
        self._oauth = oauth
        session = async_get_clientsession(hass)
        self.ev = EvEnergy(CallableAuth(self._token), base_url=f"{const.API}/v2", session=session)

    async def _token(self) -> str:
        """Return a valid token from Home Assistant's session, whose errors the client understands."""
        await self._oauth.async_ensure_token_valid()
        token: str = self.config_entry.data["token"]["access_token"]
        return token

    async def _async_update_data(self) -> dict[str, Vehicle]:
        try:
            vehicles = await self.ev.vehicles.list(expand=const.EXPAND).all()
        except ReauthenticationRequired as error:
            raise ConfigEntryAuthFailed(str(error)) from error
        except EvEnergyError as error:
            raise UpdateFailed(str(error)) from error
        return {vehicle.id: vehicle for vehicle in vehicles}
