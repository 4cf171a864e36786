"""Support tickets with their conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, text

if TYPE_CHECKING:
    from random import Random

    from ev_energy_async.sandbox.world import Archive, Stock, User

KINDS: Final = ("messages", "support_tickets")

_TICKETS: Final = 60
_WITHOUT_USER: Final = 0.1  # share of the tickets that come from people without an account
_CLOSED: Final = 0.6
_VERIFIED: Final = 0.7

SUBJECTS: Final = (
    ("VEHICLE", "REAUTHENTICATION", "My car is no longer connected"),
    ("VEHICLE", "TELEMATICS_ISSUE", "Wrong battery level"),
    ("CHARGER", "OFFLINE", "The charger is offline"),
    ("CHARGING_SESSION", "NO_CHARGE", "It did not charge last night"),
    ("CHARGING_SESSION", "INCORRECT_KWH_DISPLAYED", "The energy of a session is wrong"),
    ("ACCOUNT", "PASSWORD", "I can't log in"),
    ("SOLAR", "SOLAR_CHARGING_CONFUSION", "When does solar charging begin?"),
    ("MOBILE_APP", "APP_CRASH_FREEZE", "The app closes by itself"),
)
_SOURCES: Final = ("Email", "Phone", "Feedback Widget")
_PRIORITIES: Final = ("Low", "Medium", "High", "Urgent")
_ANSWERS: Final = (
    ("AI_AGENT_RESPONSE", "Thank you for writing. Have you tried to reconnect in the app?"),
    ("CUSTOMER_RESPONSE", "Yes, twice, and it did not help."),
    ("HUMAN_AGENT_RESPONSE", "We have looked into it and mended it on our side."),
)


def fill(stock: Stock, archive: Archive, chance: Random) -> None:
    """Fill this group's kinds with their initial records."""
    users = list(stock.users)
    moments = sorted(stock.start - chance.randrange(2 * HOUR, 90 * DAY) for _ in range(_TICKETS))
    for number, at in enumerate(moments):
        user = None if chance.random() < _WITHOUT_USER else chance.choice(users)
        _open_ticket(archive, chance, number, user, at, stock.start)


def _open_ticket(archive: Archive, chance: Random, number: int, user: User | None, at: int, now: int) -> None:
    category, subcategory, subject = chance.choice(SUBJECTS)
    replies = chance.randrange(len(_ANSWERS) + 1)
    moments = [at + place * chance.randrange(20 * MINUTE, 40 * MINUTE) for place in range(replies + 1)]
    closed = chance.random() < _CLOSED
    resolved_at = min(now, moments[-1] + chance.randrange(5 * MINUTE, 3 * DAY)) if closed else None
    verified = chance.random() < _VERIFIED
    data: dict[str, Any] = {
        "external_ticket_id": str(100_000 + number),
        "user": user,
        "subject": subject,
        "status": chance.choice(("Resolved", "Closed")) if closed else "Open",
        "priority": chance.choice(_PRIORITIES),
        "source": chance.choice(_SOURCES),
        "human_verified_category": category if verified else None,
        "human_verified_subcategory": subcategory if verified else None,
        "ai_generated_category": category,
        "ai_generated_subcategory": subcategory,
        "type_deprecated": None,
        "tags": chance.choice((["ai-categorised"], ["ai-categorised", "escalated"], [])),
        "conversation_summary": f"{subject}; {replies} replies so far.",
        "custom_fields": {"mobile_app": chance.choice(("iOS", "Android"))},
        "attributes": {"vehicles": len(user.vehicles) if user else 0},
        "created_at": text(at),
        "ticket_updated_at": text(resolved_at or moments[-1]),
        "resolved_at": None if resolved_at is None else text(resolved_at),
    }
    ticket = archive["support_tickets"].new(at, chance, data, user=user, hidden={"at": at, "resolved_at": resolved_at})
    said = [("INITIAL_REQUEST", f"{subject}. What can I do?"), *_ANSWERS[:replies]]
    for position, (kind, words) in enumerate(said):
        archive["messages"].new(
            moments[position],
            chance,
            {
                "position": position,
                "message": f"<p>{words}</p>",
                "message_clean": words,
                "message_type": kind,
                "created_at": text(moments[position]),
            },
            parent=ticket,
        )
