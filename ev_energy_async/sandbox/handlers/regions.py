"""Regions and groups of them: named areas, each name used once."""

from collections import Counter
from http import HTTPStatus
from typing import Any, Final

from ev_energy_async.sandbox.handlers import geometry
from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import referred
from ev_energy_async.sandbox.handlers.generic import Paged, found_record, listed, scribe, written
from ev_energy_async.sandbox.instants import text
from ev_energy_async.sandbox.protocol import FieldErrors, JsonObject, Problem, Reply
from ev_energy_async.sandbox.world import Record


def list_regions(call: Call) -> Reply:
    """List regions by name, type, group, or a point that lies in them."""
    name, several, kind = call.query.text("name"), call.query.text("name__in"), call.query.text("type")
    group_id, point = call.query.text("region_group_id"), call.query.text("contains")
    names = None if several is None else set(several.split(","))
    latitude, longitude = (float(part) for part in point.split(",")) if point else (0.0, 0.0)

    def fits(region: Record) -> bool:
        return (
            name in {None, region.name}
            and (names is None or region.name in names)
            and kind in {None, region.data["type"]}
            and (group_id is None or any(group.id == group_id for group in region.data["region_groups"]))
            and (point is None or geometry.contains(region.hidden["polygons"], longitude, latitude))
        )

    return listed(call, [region for region in call.world.records["regions"] if fits(region)], Paged.BY_CURSOR)


def get_region(call: Call) -> Reply:
    """Return one region, with where it is."""
    return _detail(call, found_record(call, "regions", "region_id"), HTTPStatus.OK)


def create_region(call: Call) -> Reply:
    """Return a region of a name that is new."""
    body = call.body
    _check_names({"name": [body["name"]]})
    _check_new(call, [body["name"]])
    _check_geometries([body])
    groups = [
        referred(call.world.records["region_groups"], "region_groups", url) for url in body.get("region_groups", [])
    ]
    region = _add_region(call, body, groups)
    return _detail(call, region, HTTPStatus.CREATED)


def list_groups(call: Call) -> Reply:
    """List region groups, optionally by name."""
    name = call.query.text("name")
    groups = [group for group in call.world.records["region_groups"] if name in {None, group.name}]
    return listed(call, groups, Paged.BY_CURSOR)


def get_group(call: Call) -> Reply:
    """Return one group of regions."""
    return written(call, found_record(call, "region_groups", "region_group_id"))


def create_group(call: Call) -> Reply:
    """Return a group with its regions, all of them or nothing."""
    body, entries = call.body, call.body["regions"]
    names = [entry["name"] for entry in entries]
    _check_names({"name": [body["name"]], "regions.name": names})
    group = _group_of(call, body["name"])
    if group is not None:
        raise _ConflictingGroup(f"There is a group {body['name']!r} already.", scribe(call).url(group))
    _check_new(call, names)
    _check_geometries(entries)
    data: dict[str, Any] = {"name": body["name"], "created_at": text(call.now), "regions": []}
    made = call.world.records.add("region_groups", call.now, data)
    for entry in entries:
        _add_region(call, entry, [made])
    return written(call, made, HTTPStatus.CREATED)


def validate_group(call: Call) -> Reply:
    """Validate a region group without creating it."""
    body, entries = call.body, call.body["regions"]
    counts = Counter(entry["name"] for entry in entries)
    taken = _group_of(call, body["name"]) is not None
    group: JsonObject = {
        "name": body["name"],
        "status": "NAME_EXISTS" if taken else "AVAILABLE",
        "problems": ["There is a group of this name."] if taken else [],
    }
    regions = [_validated(call, entry, counts[entry["name"]]) for entry in entries]
    valid = not taken and all(region["status"] == "OK" for region in regions)
    return Reply(HTTPStatus.OK, {"valid": valid, "group": group, "regions": regions})


def _validated(call: Call, entry: dict[str, Any], count: int) -> JsonObject:
    existing = _region_of(call, entry["name"])
    found = geometry.polygons(entry["geometries"])
    wrong = [fault for polygon in found if (fault := geometry.fault(polygon))]
    status, problems = "OK", list[str]()
    if not entry["name"].strip():
        status, problems = "INVALID", ["The name is blank."]
    elif count > 1:
        status, problems = "INVALID", ["The name is used more than once."]
    elif existing is not None:
        status, problems = "NAME_EXISTS", ["There is a region of this name."]
    elif wrong:
        status, problems = "INVALID_GEOMETRY", wrong
    return {
        "name": entry["name"],
        "status": status,
        "problems": problems,
        "existing_region": None if existing is None else scribe(call).url(existing),
        "computed": None
        if wrong
        else {
            "area_sq_km": round(geometry.square_kilometers(found), 3),
            "geometry_count": len(entry["geometries"]),
            "resulting_polygon_count": len(found),
        },
    }


class _Conflict(Problem):
    """Names that are taken."""

    def __init__(self, detail: str, conflicts: list[JsonObject]) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail, slug="region-name-conflict")
        self._conflicts = conflicts

    def reply(self) -> Reply:
        """Return the response that lists them."""
        return _extended(super().reply(), {"conflicts": self._conflicts})


class _ConflictingGroup(Problem):
    """The name of a group that is taken."""

    def __init__(self, detail: str, url: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail, slug="region-group-name-conflict")
        self._url = url

    def reply(self) -> Reply:
        """Return the response that lists them."""
        return _extended(super().reply(), {"existing_region_group": self._url})


def _extended(reply: Reply, members: JsonObject) -> Reply:
    return Reply(reply.status, {**_members(reply), **members}, reply.headers, reply.content_type)


def _members(reply: Reply) -> JsonObject:
    body: Any = reply.body
    return dict(body)


def _check_new(call: Call, names: list[str]) -> None:
    found = [(name, region) for name in names if (region := _region_of(call, name))]
    if found:
        conflicts: list[JsonObject] = [
            {"name": name, "existing_region": scribe(call).url(region)} for name, region in found
        ]
        raise _Conflict(f"There is a region {found[0][0]!r} already.", conflicts)


def _check_names(names: dict[str, list[str]]) -> None:
    errors: FieldErrors = {}
    for field, values in names.items():
        if any(not value.strip() for value in values):
            errors[field] = ["A name is blank."]
        elif len(set(values)) < len(values):
            errors[field] = ["A name is used more than once."]
    if errors:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"The request is not valid: {', '.join(sorted(errors))}.",
            slug="validation-failed-regions",
            field_errors=errors,
        )


def _check_geometries(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        for polygon in geometry.polygons(entry["geometries"]):
            if fault := geometry.fault(polygon):
                detail = f"The geometry of {entry['name']!r} can't be used. {fault}"
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, slug="invalid-geometry")


def _add_region(call: Call, entry: dict[str, Any], groups: list[Record]) -> Record:
    data = {
        "name": entry["name"],
        "type": entry.get("type"),
        "region_groups": groups,
        "created_at": text(call.now),
        "updated_at": text(call.now),
    }
    region = call.world.records.add(
        "regions", call.now, data, hidden={"polygons": geometry.polygons(entry["geometries"])}
    )
    for group in groups:
        group.data["regions"].append(region)
    return region


def _detail(call: Call, region: Record, status: HTTPStatus) -> Reply:
    shape = {"type": "MultiPolygon", "coordinates": region.hidden["polygons"]}
    return Reply(status, {**scribe(call).record(region, {}), "geometry": shape})


def _region_of(call: Call, name: str) -> Record | None:
    return next((region for region in call.world.records["regions"] if region.name == name), None)


def _group_of(call: Call, name: str) -> Record | None:
    return next((group for group in call.world.records["region_groups"] if group.name == name), None)


HANDLERS: Final[dict[str, Handler]] = {
    "regions.list": list_regions,
    "regions.get": get_region,
    "regions.create": create_region,
    "region_groups.list": list_groups,
    "region_groups.get": get_group,
    "region_groups.create": create_group,
    "region_groups.validate": validate_group,
}
