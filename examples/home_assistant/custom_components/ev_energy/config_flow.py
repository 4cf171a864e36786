"""The config flow: a user logs in with their ev.energy account, and again when the login ends."""

import logging
from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigFlowResult
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import AbstractOAuth2FlowHandler

from ev_energy_async import EvEnergy, EvEnergyError, StaticToken, scopes_for

from . import const

# The operations that the integration calls, so the scopes that it asks for.
_OPERATIONS = ("users.get", "vehicles.list", "charging_sub_sessions.list", "charging_sessions.boost_start")


class ConfigFlow(AbstractOAuth2FlowHandler, domain=const.DOMAIN):
    """The flow of one account."""

    DOMAIN = const.DOMAIN

    @property
    def logger(self) -> logging.Logger:
        """The logger of the flow."""
        return logging.getLogger(__name__)

    @property
    def extra_authorize_data(self) -> dict[str, str]:
        """The scopes to ask the user for."""
        return {"scope": " ".join(scopes_for(*_OPERATIONS))}

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin a new login."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Tell the user why they must log in again."""
        if user_input is None:
            return self.async_show_form(step_id="reauth_confirm")
        return await self.async_step_user()

    async def async_oauth_create_entry(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Add the account, or renew its login."""
        token = StaticToken(data["token"]["access_token"])
        ev = EvEnergy(token, base_url=f"{const.API}/v2", session=async_get_clientsession(self.hass))
        try:
            me = await ev.users.get("me")
        except EvEnergyError:
            self.logger.exception("cannot read the user who logged in")
            return self.async_abort(reason="cannot_connect")
        await self.async_set_unique_id(me.id)
        if self.source == SOURCE_REAUTH:
            self._abort_if_unique_id_mismatch(reason="wrong_account")
            return self.async_update_reload_and_abort(self._get_reauth_entry(), data=data)
        self._abort_if_unique_id_configured()
        return self.async_create_entry(title="ev.energy", data=data)
