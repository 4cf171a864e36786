"""Programs with their tiers and agreements, and what their members can earn."""

from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import found
from ev_energy_async.sandbox.handlers.generic import NO_MORE, Paged, found_record, listed, scribe, written
from ev_energy_async.sandbox.protocol import JsonObject, Problem, Reply, invalid, not_found
from ev_energy_async.sandbox.world import PLACES, Record, User

_NEAR: Final = 8.0  # degrees of longitude and latitude that count as the same country here
_AGREEMENTS: Final = "participation_agreement_versions"
_AGREEMENT_ID: Final = "participation_agreement_version_id"


def list_programs(call: Call) -> Reply:
    """List programs, narrowed to a place or to those the user may be eligible for."""
    point, postal_code = call.query.text("coordinates"), call.query.text("postal_code")
    country = call.query.text("country_code")
    if point is not None and postal_code is not None:
        raise invalid({"coordinates": ["Give this or postal_code, not both."]})
    if postal_code is not None and country is None:
        raise invalid({"country_code": ["This is needed beside postal_code."]})
    countries = {country} if country else None
    if point is not None:
        latitude, longitude = (float(part) for part in point.split(","))
        countries = {
            place.country
            for place in PLACES
            if abs(place.latitude - latitude) < _NEAR and abs(place.longitude - longitude) < _NEAR
        }
    elif call.user is not None and countries is None:
        countries = {call.user.place.country} if call.user.place else set[str]()
    programs = [
        program
        for program in call.world.records["programs"]
        if countries is None or program.hidden["country"] in countries
    ]
    return listed(call, programs, Paged.ON_ONE_PAGE)


def get_program(call: Call) -> Reply:
    """Return one program."""
    return written(call, _program(call))


def list_tiers(call: Call) -> Reply:
    """Return the tiers that can be chosen in a program."""
    tiers = call.world.records["tiers"].below(_program(call))
    return listed(call, [tier for tier in tiers if tier.data["visible"]], Paged.BY_CURSOR)


def get_tier(call: Call) -> Reply:
    """Return one tier of a program."""
    return written(call, found_record(call, "tiers", "tier_id", _program(call)))


def list_agreements(call: Call) -> Reply:
    """Return the versions of a program's agreement."""
    return listed(call, call.world.records[_AGREEMENTS].below(_program(call)), Paged.BY_CURSOR)


def get_agreement(call: Call) -> Reply:
    """Return one version of a program's agreement."""
    return written(call, found_record(call, _AGREEMENTS, _AGREEMENT_ID, _program(call)))


def get_current_agreement(call: Call) -> Reply:
    """Return the version that is in force: the published one of the highest number."""
    versions = [it for it in call.world.records[_AGREEMENTS].below(_program(call)) if it.data["published"]]
    if not versions:
        raise not_found("No version has been published.")
    return written(call, max(versions, key=lambda version: version.data["version_number"]))


def accept_agreement(call: Call) -> Reply:
    """Note that the user accepts a version; once is enough."""
    version = found_record(call, _AGREEMENTS, _AGREEMENT_ID, _program(call))
    if call.user is None:
        raise Problem(HTTPStatus.FORBIDDEN, "Only a user's own token can accept an agreement.")
    version.hidden["accepted_by"].setdefault(call.user.id, call.now)
    return Reply(HTTPStatus.CREATED)


def join(call: Call) -> Reply:
    """Enrol the user in a program's default tier, leaving any other program."""
    program, user = _program(call), _user(call)
    tiers = call.world.records["tiers"].below(program)
    tier = next((tier for tier in tiers if tier.hidden["default"]), None)
    if tier is None:
        raise not_found("The program has no default tier.")
    if user.id not in program.hidden["members"]:
        for other in call.world.records["programs"]:
            other.hidden["members"].pop(user.id, None)
        program.hidden["members"][user.id] = tier.id
    return written(call, program, HTTPStatus.CREATED)


def take_verification(call: Call) -> Reply:
    """Accept the user's data for verification."""
    _program(call)
    _user(call)
    return Reply(HTTPStatus.CREATED)


def list_vehicle_compatibility(call: Call) -> Reply:
    """Return the models that a program can steer."""
    program = _program(call)
    country = program.hidden["country"]
    models = [
        model
        for model in call.world.vehicle_models
        if not model.hidden and (not model.make.data.markets or country in model.make.data.markets)
    ]
    body: list[JsonObject] = [
        {
            "model": scribe(call).refer(model, call.expand, "model"),
            "can_control_charge": model.make.data.telematics.tells_plug,
            "type": "BEV",
            "supported_countries": [country],
            "start_year": 2018 + len(model.name) % 5,
            "end_year": None,
        }
        for model in models
    ]
    return Reply(HTTPStatus.OK, body)


def list_incentive_schemes(call: Call) -> Reply:
    """Return the incentives that a user can earn."""
    schemes = call.world.records["incentive_schemes"]
    return Reply(HTTPStatus.OK, [{"id": scheme.id, **scheme.data} for scheme in schemes], dict(NO_MORE))


def list_sites(call: Call) -> Reply:
    """Return the sites with shared charge points."""
    return Reply(HTTPStatus.OK, [_site(call, site.id) for site in call.world.evse_sites], dict(NO_MORE))


def get_site(call: Call) -> Reply:
    """Return one site with shared charge points."""
    return Reply(HTTPStatus.OK, _site(call, call.path["evse_site_id"]))


def _site(call: Call, id_: str) -> JsonObject:
    return call.view.evse_site(found(call.world.evse_sites, id_), {})


def _program(call: Call) -> Record:
    return found_record(call, "programs", "program_id")


def _user(call: Call) -> User:
    if call.user is None:
        raise invalid({"EvEnergy-User": ["This operation needs a user."]})
    return call.user


HANDLERS: Final[dict[str, Handler]] = {
    "programs.list": list_programs,
    "programs.get": get_program,
    "programs.list_tiers": list_tiers,
    "programs.get_tier": get_tier,
    "programs.list_participation_agreement_versions": list_agreements,
    "programs.get_participation_agreement_version": get_agreement,
    "programs.get_current_participation_agreement_version": get_current_agreement,
    "programs.accept_participation_agreement_version": accept_agreement,
    "programs.join": join,
    "programs.submit_user_verification": take_verification,
    "programs.submit_post_enrollment_verification": take_verification,
    "programs.list_vehicle_compatibility": list_vehicle_compatibility,
    "incentive_schemes.list": list_incentive_schemes,
    "evse_sites.list": list_sites,
    "evse_sites.get": get_site,
}
