"""Programs of utilities with their tiers and agreements, incentives, and the rebates one can apply for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.sandbox.instants import DAY, Instant, parse, text
from ev_energy_async.sandbox.protocol import example

if TYPE_CHECKING:
    from random import Random

    from ev_energy_async.sandbox.world import Archive, Stock

KINDS: Final = (
    "incentive_schemes",
    "participation_agreement_versions",
    "programs",
    "rebate_evidence_types",
    "rebate_types",
    "tiers",
)

_ESTABLISHED: Final = parse("2022-05-01T00:00:00Z")
_PROGRAMS: Final = (
    ("Charge at Night", "Northern Light Energy", "GB", "https://www.example.com/charge-at-night"),
    ("Ladefreunde", "Hanse Strom", "DE", "https://www.example.com/ladefreunde"),
    ("Front Range Flex", "Front Range Electric", "US", "https://www.example.com/front-range-flex"),
)
_TIERS: Final = (("standard", "Standard", False, True), ("solar", "Solar", True, True), ("pilot", "Pilot", True, False))
_SCHEMES: Final = ("Welcome bonus", "Off-peak reward")


def fill(_stock: Stock, archive: Archive, chance: Random) -> None:
    """Fill this group's kinds with their initial records."""
    created = _ESTABLISHED

    def later() -> Instant:
        nonlocal created
        created += chance.randrange(DAY, 9 * DAY)
        return created

    for name, sponsor, country, page in _PROGRAMS:
        data = {
            "name": name,
            "description": f"Charge when {sponsor} has power to spare, and be rewarded for it.",
            "logo": None,
            "sponsor_name": sponsor,
            "external_url": page,
        }
        program = archive["programs"].new(later(), chance, data, hidden={"country": country, "members": {}})
        for number, (short, tier, tied, visible) in enumerate(_TIERS):
            members = {
                "short_name": short,
                "name": tier,
                "logo_svg": None,
                "description_short": f"<html>{tier}</html>",
                "description_long": f"<html><p>All there is to know about {tier}.</p></html>",
                "smart_charging_enabled": True,
                "disable_changing_tariff": tied,
                "visible": visible,
            }
            archive["tiers"].new(later(), chance, members, parent=program, hidden={"default": number == 0})
        for number in (1, 2, 3):
            at = later()
            archive["participation_agreement_versions"].new(
                at,
                chance,
                {
                    "version_number": number,
                    "published": number == 2,  # noqa: PLR2004  # the third is a draft
                    "content": f"<p>What you agree to, version {number}.</p>",
                    "created_at": text(at),
                },
                parent=program,
                hidden={"accepted_by": {}},
            )
    for name in _SCHEMES:
        archive["incentive_schemes"].new(
            later(), chance, example("IncentiveScheme", chance, name=name, visible=True, available=True)
        )
    _fill_rebates(archive, chance, later)


def _fill_rebates(archive: Archive, chance: Random, later: Any) -> None:
    purchase = archive["rebate_evidence_types"].new(
        later(),
        chance,
        {
            "title": "Proof of purchase",
            "description": "The invoice of the charger.",
            "upload_required": True,
            "evidence_data": [
                _datum("Price paid", "Without tax.", "currency"),
                _datum("Invoice number", "As on the invoice.", "string"),
            ],
        },
    )
    installation = archive["rebate_evidence_types"].new(
        later(),
        chance,
        {
            "title": "Photo of the installation",
            "description": None,
            "upload_required": True,
            "evidence_data": [],
        },
    )
    for title, worth, needed in (
        ("Charger rebate", "Up to 500", [purchase, installation]),
        ("Connected car rebate", "50", [purchase]),
    ):
        archive["rebate_types"].new(
            later(),
            chance,
            {
                "title": title,
                "value_description": worth,
                "icon": None,
                "description_short": f"{title}: {worth}.",
                "description_long": f"{title}: {worth}, once for each home.",
                "requirements": "<ul><li>You live where the program is.</li></ul>",
                "required_evidence": needed,
            },
        )


def _datum(title: str, description: str, kind: str) -> dict[str, Any]:
    return {"title": title, "description": description, "data_type": kind, "required": True, "value": None}
