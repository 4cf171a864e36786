"""Constants of the integration."""

from typing import Final

DOMAIN: Final = "ev_energy"
API: Final = "https://api.ev.energy"
# What the integration shows: each vehicle with its newest log, its make and its model.
EXPAND: Final = ("latest_status_log", "trim.model.make")
