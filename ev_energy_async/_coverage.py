"""What is known to be complete of the logs of a fleet, and what is missing and why. Pure values."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Reason"]


class Reason(StrEnum):
    """Why logs are missing, or not known to be there."""

    BUDGET = "budget"
    NOT_FOUND = "not found"
    REFUSED = "refused"
    UNDECODABLE = "undecodable"
    DOWNTIME = "downtime"
    RETENTION = "retention"
