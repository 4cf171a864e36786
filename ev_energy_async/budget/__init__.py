"""The rolling-hour budget of requests: how many are left, and whose turn is next.

Every request passes through it on its way to the wire; it counts, and never sends.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.budget.budget import ANONYMOUS_LIMIT as ANONYMOUS_LIMIT
    from ev_energy_async.budget.budget import DEFAULT_LIMIT as DEFAULT_LIMIT
    from ev_energy_async.budget.budget import Budget as Budget
    from ev_energy_async.budget.budget import BudgetClosed as BudgetClosed
    from ev_energy_async.budget.budget import NotInTime as NotInTime
    from ev_energy_async.budget.protocol import RequestBudget as RequestBudget
    from ev_energy_async.budget.shared import BudgetStore as BudgetStore
    from ev_energy_async.budget.shared import SharedBudget as SharedBudget
    from ev_energy_async.budget.spending import Spending as Spending
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        budget=("ANONYMOUS_LIMIT", "Budget", "BudgetClosed", "DEFAULT_LIMIT", "NotInTime"),
        protocol=("RequestBudget",),
        shared=("BudgetStore", "SharedBudget"),
        spending=("Spending",),
    )
