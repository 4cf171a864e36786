"""The exit codes, and what is said on stderr when a command fails."""

from __future__ import annotations

from typing import Final

from ev_energy_async import errors

__all__ = [
    "AUTHENTICATION",
    "BUDGET",
    "FAILURE",
    "INCOMPLETE",
    "INTERRUPTED",
    "NOT_FOUND",
    "OUTCOME_UNKNOWN",
    "USAGE",
    "Incomplete",
    "code_of",
    "sentence_of",
]

FAILURE: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
AUTHENTICATION: Final = 4
BUDGET: Final = 5
OUTCOME_UNKNOWN: Final = 6
INCOMPLETE: Final = 7
INTERRUPTED: Final = 130


class Incomplete(errors.EvEnergyError):
    """A command went through, but a part of what was asked for is missing."""


def code_of(error: errors.EvEnergyError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, Incomplete):
        return INCOMPLETE
    if isinstance(error, errors.InvalidArgument):
        return USAGE
    if isinstance(error, errors.NotFound):
        return NOT_FOUND
    # Whoever lacks a scope needs other credentials, too.
    if isinstance(error, errors.ReauthenticationRequired | errors.Forbidden):
        return AUTHENTICATION
    if isinstance(error, errors.RateLimited | errors.BudgetExhausted):
        return BUDGET
    if isinstance(error, errors.OutcomeUnknown):
        return OUTCOME_UNKNOWN
    return FAILURE


def sentence_of(error: errors.EvEnergyError) -> str:
    """Return an error as the command line reports it, with what to do where that is known."""
    text = str(error)
    if isinstance(error, errors.ReauthenticationRequired):
        return f"{text}\nLog in with: ev-energy login"
    if isinstance(error, errors.OutcomeUnknown):
        return f"{text}\nLook whether it was carried out before you repeat it."
    return text
