"""Rebates: applications with their evidence, and the three steps of uploading a file."""

from http import HTTPStatus
from typing import Any, Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import referred
from ev_energy_async.sandbox.handlers.generic import found_record, is_seen, scribe, written
from ev_energy_async.sandbox.protocol import JsonObject, Problem, Reply, invalid
from ev_energy_async.sandbox.world import Record, Upload

_FILES: Final = "rebate_evidence_files"
_TYPES: Final = "rebate_evidence_types"


def create_rebate(call: Call) -> Reply:
    """Open an application."""
    rebate_type = referred(call.world.records["rebate_types"], "rebate_type", call.body["rebate_type"])
    data = {"rebate_type": rebate_type, "status": "PENDING_TYPE_SELECTED"}
    return _named(call, call.world.records.add("user_rebates", call.now, data, user=call.user), HTTPStatus.CREATED)


def update_rebate(call: Call) -> Reply:
    """Accept evidence for an application that is not submitted yet."""
    rebate = _open_rebate(call)
    rebate_type = referred(call.world.records["rebate_types"], "rebate_type", call.body["rebate_type"])
    evidence = referred(call.world.records[_TYPES], "evidence_type", call.body["evidence_type"])
    if evidence not in rebate_type.data["required_evidence"]:
        raise invalid({"evidence_type": ["The rebate does not ask for this."]})
    asked = range(1, len(evidence.data["evidence_data"]) + 1)
    entries: list[dict[str, Any]] = call.body["evidence_data"]
    if any(entry["id"] not in asked for entry in entries):
        raise invalid({"evidence_data.id": ["The evidence has no such field."]})
    rebate.data |= {"rebate_type": rebate_type, "status": "PENDING_IN_PROGRESS"}
    rebate.hidden.setdefault("evidence", {})[evidence.id] = {entry["id"]: entry["value"] for entry in entries}
    return _named(call, rebate, HTTPStatus.OK)


def submit_rebate(call: Call) -> Reply:
    """Submit an application for review."""
    _open_rebate(call).data["status"] = "COMPLETE"
    return Reply(HTTPStatus.OK)


def start_upload(call: Call) -> Reply:
    """Report where to upload a file to."""
    if missing := [name for name in ("file_name", "rebate_evidence_type") if name not in call.body]:
        raise invalid({name: ["This field is required."] for name in missing})
    evidence = referred(call.world.records[_TYPES], "rebate_evidence_type", call.body["rebate_evidence_type"])
    rebate: Record | None = None
    if (wanted := call.query.text("user_rebate")) is not None:
        rebate = call.world.records["user_rebates"].get(wanted)
        if rebate is None or not is_seen(call, rebate):
            raise invalid({"user_rebate": ["There is no such application."]})
    upload = Upload(f"{call.world.records.chance.getrandbits(128):032x}", call.now)
    file = call.world.records.add(
        _FILES,
        call.now,
        {"file_name": call.body["file_name"], "rebate_evidence_type": evidence},
        user=rebate.user if rebate else call.user,
        hidden={"rebate": rebate, "upload": upload, "finished": False},
    )
    reply = _named(call, file, HTTPStatus.CREATED)
    presigned = upload.url(call.world.upload_origin, file.id, call.body["file_name"])
    reply.body = {**_names(call, file), "presigned_url": presigned}
    return reply


def finish_upload(call: Call) -> Reply:
    """Note that a file has been uploaded, if it has."""
    file = found_record(call, _FILES, "rebate_evidence_file_id")
    upload = call.world.upload(file.id)
    if upload is None or upload.content is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "Nothing has been uploaded for this file.")
    file.hidden["finished"] = True
    return _named(call, file, HTTPStatus.OK)


def get_file(call: Call) -> Reply:
    """Return one evidence file."""
    return written(call, found_record(call, _FILES, "rebate_evidence_file_id"))


def list_files(call: Call) -> Reply:
    """List evidence files, optionally of one application."""
    rebate_id = call.query.text("user_rebate")
    files = [
        file
        for file in call.world.records[_FILES]
        if is_seen(call, file)
        and (rebate_id is None or (file.hidden["rebate"] is not None and file.hidden["rebate"].id == rebate_id))
    ]
    return Reply(HTTPStatus.OK, [scribe(call).record(file, call.expand) for file in files])


def _open_rebate(call: Call) -> Record:
    rebate = found_record(call, "user_rebates", "user_rebate_id")
    if rebate.data["status"] == "COMPLETE":
        raise Problem(HTTPStatus.BAD_REQUEST, "The application has been sent already.")
    return rebate


def _names(call: Call, record: Record) -> JsonObject:
    return {"id": record.id, "url": scribe(call).url(record)}


def _named(call: Call, record: Record, status: HTTPStatus) -> Reply:
    return Reply(status, _names(call, record))


HANDLERS: Final[dict[str, Handler]] = {
    "user_rebates.create": create_rebate,
    "user_rebates.update": update_rebate,
    "user_rebates.submit": submit_rebate,
    "rebate_evidence_files.start_upload": start_upload,
    "rebate_evidence_files.finish_upload": finish_upload,
    "rebate_evidence_files.get": get_file,
    "rebate_evidence_files.list": list_files,
}
