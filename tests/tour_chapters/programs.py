"""Programs of energy suppliers, rebates and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ev_energy_async.models import RebateType
from tests.tour_kit import Tour, known, url

if TYPE_CHECKING:
    from ev_energy_async import EvEnergy
    from ev_energy_async.models import User


async def membership(tour: Tour, user: User, own: EvEnergy) -> None:
    """Join a program and accept its agreement, with a token of the user."""
    ev, programs = tour.ev, tour.ev.programs
    driver = ev.as_user(user)
    program = await tour.list_and_get(programs.list(), programs.get)
    program_id = known(program.id)
    await tour.list_and_get(programs.list_tiers(program_id), lambda tier: programs.get_tier(program_id, tier))
    await tour.some(programs.list_vehicle_compatibility(program_id))
    await driver.programs.submit_user_verification(program_id, {"account": "12345"})
    joined = await driver.programs.join(program_id)
    tour.check("is the program asked for", joined.id == program_id)
    await driver.programs.submit_post_enrollment_verification(program_id, {"account": "12345"})

    await tour.list_and_get(
        programs.list_participation_agreement_versions(program_id),
        lambda version: programs.get_participation_agreement_version(program_id, version),
    )
    current = await programs.get_current_participation_agreement_version(program_id)
    tour.check("has been published", current.published)
    await own.programs.accept_participation_agreement_version(program_id, known(current.id))
    tour.check("accepted without a body", tour.visits["programs.accept_participation_agreement_version"].statuses)
    await tour.some(driver.incentive_schemes.list())


async def rebates(tour: Tour, user: User) -> None:
    """Apply for a rebate with evidence, and submit the application."""
    ev = tour.ev
    driver = ev.as_user(user)
    await tour.list_and_get(ev.rebate_types.list(), ev.rebate_types.get)
    evidence = await tour.list_and_get(ev.rebate_evidence_types.list(), ev.rebate_evidence_types.get)
    kinds = await ev.rebate_types.list()
    kind = next(each for each in kinds if known(evidence.url) in known(each.required_evidence))

    made = await driver.user_rebates.create(rebate_type=known(kind.url))
    rebate_id = known(made.id)
    started = await driver.rebate_evidence_files.start_upload(
        file_name="invoice.pdf", rebate_evidence_type=known(evidence.url), user_rebate=rebate_id
    )
    tour.check("leads to another origin", known(started.presigned_url).startswith(tour.sandbox.upload_origin))
    file_id = await driver.upload_rebate_evidence(
        b"%PDF-1.7", evidence_type=known(evidence.url), file_name="invoice.pdf", user_rebate=rebate_id
    )
    tour.check("is the file that was uploaded", file_id)
    found = await driver.rebate_evidence_files.get(file_id)
    tour.check("has the name given", found.file_name == "invoice.pdf")
    files = await driver.rebate_evidence_files.list(user_rebate=rebate_id).all()
    tour.check("holds the uploaded file", file_id in {each.id for each in files})
    await driver.user_rebates.update(
        rebate_id,
        rebate_type=known(kind.url),
        evidence_type=known(evidence.url),
        evidence_data=[{"id": 1, "value": "499.00"}],
    )
    await driver.user_rebates.submit(rebate_id)
    rebate = await driver.user_rebates.get(rebate_id, expand=["rebate_type"])
    tour.check("shows that it was sent", rebate.status == "COMPLETE")
    tour.check("expands its type", isinstance(rebate.rebate_type, RebateType))
    listed = await driver.user_rebates.list().all()
    tour.check("holds the user's alone", [each.id for each in listed] == [rebate_id])


async def subscriptions(tour: Tour) -> None:
    """Read paid offerings and their subscribers."""
    page = await tour.some(tour.ev.subscriptions.list())
    offering = url(next(each.offering for each in page if each.offering))
    found = await tour.ev.subscription_offerings.get(offering)
    tour.check("is the one subscribed to", known(found.id) == offering.rpartition("/")[2])
