"""The use of the credentials of an OAuth application: authorization code with PKCE."""

from homeassistant.components.application_credentials import ClientCredential
from homeassistant.core import HomeAssistant
from homeassistant.helpers.config_entry_oauth2_flow import LocalOAuth2ImplementationWithPkce

from ev_energy_async.auth import AUTHORIZE_PATH, TOKEN_PATH

from . import const


async def async_get_auth_implementation(
    hass: HomeAssistant, auth_domain: str, credential: ClientCredential
) -> LocalOAuth2ImplementationWithPkce:
    """Return the OAuth implementation of an application."""
    return LocalOAuth2ImplementationWithPkce(
        hass,
        auth_domain,
        credential.client_id,
        authorize_url=const.API + AUTHORIZE_PATH,
        token_url=const.API + TOKEN_PATH,
        client_secret=credential.client_secret,
    )
