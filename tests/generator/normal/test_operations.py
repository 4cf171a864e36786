"""Each quirk of the published operations, on a document of a few lines that has it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.generator.small import body, document, item, made, made_of, ok, operation, ref, thing

STRING = {"type": "string"}


def test_verbs_behind_a_colon_name_the_operation() -> None:
    paths = {
        "/region_groups:validate": item(post=operation()),
        "/user_rebates/{user_rebate_id}:submit": item(post=operation(None, "user_rebate_id", operationId="a:b c")),
    }
    found = made(document(paths))
    assert found.endpoint("region_groups.validate").path == "/region_groups:validate"
    assert [p.name for p in found.endpoint("user_rebates.submit").parameters] == ["user_rebate_id"]


def test_parameters_of_the_path_and_of_the_operation_are_one_list() -> None:
    shared = {"in": "path", "name": "thing_id", "required": True, "schema": STRING}
    paged = {"in": "query", "name": "page_size", "schema": {"type": "integer"}}
    own = {"in": "query", "name": "page_size", "schema": {"type": "integer", "maximum": 10}}
    path = item(parameters=[shared, paged], get=operation(parameters=[own]))
    endpoint = made(document({"/things/{thing_id}": path})).endpoint("things.get")
    assert [(p.name, p.maximum) for p in endpoint.parameters] == [("thing_id", None), ("page_size", 10)]


def test_a_get_with_an_empty_request_body_takes_none() -> None:
    endpoint = made(document({"/things": item(get=operation(ok(thing(a=STRING)), requestBody={}))})).endpoint(
        "things.get"
    )
    assert endpoint.body is None


@pytest.mark.parametrize(
    ("other", "returns"),
    [
        ({"204": {"description": "Nothing."}}, "m.Thing | None"),
        ({"302": {"description": "Elsewhere."}}, "str | m.Thing"),
        ({"404": {"description": "No."}}, "m.Thing"),
    ],
)
def test_a_second_response_shows_in_what_is_returned(other: Any, returns: str) -> None:
    path = item(get=operation({**ok(ref("Thing")), **other}, "thing_id"))
    found = made(document({"/things/{thing_id}": path}, {"Thing": thing(a=STRING)}))
    assert found.endpoint("things.get").outcome.returns == returns


def test_created_without_content_returns_none() -> None:
    found = made(document({"/things": item(post=operation({"201": {"description": "Made."}}))}))
    assert found.endpoint("things.create").outcome.returns == "None"


def test_of_a_body_in_three_media_types_json_is_taken() -> None:
    schema = thing(name=STRING)
    types = ("multipart/form-data", "application/json; charset=utf-8", "application/x-www-form-urlencoded")
    content = {t: {"schema": schema} for t in types}
    found = made(document({"/things": item(post=operation(requestBody={"content": content}))}))
    assert found.fields("ThingCreate") == {"name": "str"}
    assert any("left out: application/x-www-form-urlencoded, multipart/form-data" in n for n in found.report.notes)


def test_the_first_of_two_tags_says_where_models_stand() -> None:
    path = item(get=operation(ok(ref("Thing")), "thing_id", tags=["Small things", "Others"]))
    found = made(document({"/things/{thing_id}": path}, {"Thing": thing(a=STRING)}))
    assert [module.name for module in found.package.modules] == ["_small_things"]


def test_two_tags_of_one_module_name_share_the_module() -> None:
    one, two = (operation(ok(ref(n)), tags=[t]) for n, t in (("A", "My-Tag"), ("B", "my tag")))
    found = made(document({"/a": item(get=one), "/b": item(get=two)}, {"A": thing(x=STRING), "B": thing(x=STRING)}))
    assert [module.name for module in found.package.modules] == ["_my_tag"]
    assert found.classes == {"A", "B"}


def test_an_undeclared_security_scheme_is_accepted_and_warned_of() -> None:
    path = item(get=operation(ok(ref("Thing")), security=[{"OAuth2": ["thing:read"]}]))
    found = made(document({"/things": path}, {"Thing": thing(a=STRING)}))
    assert found.endpoint("things.get").scopes == ("thing:read",)
    assert found.report.warnings == ("GET /things: security scheme 'OAuth2' is not declared; see `security_schemes`",)
    assert any("scopes that are not declared: thing:read" in note for note in found.report.notes)


def test_what_only_the_server_sets_is_left_out_of_bodies() -> None:
    schema = {**thing(id={**STRING, "readOnly": True}, name=STRING), "required": ["id", "name"]}
    paths = {
        "/things": item(post=operation(requestBody=body(ref("Thing")), responses={"201": ok(ref("Thing"))["200"]}))
    }
    found = made(document(paths, {"Thing": schema}))
    assert found.fields("Thing") == {"id": "str", "name": "str"}
    assert found.fields("ThingCreate") == {"name": "str"}


def test_a_body_of_nothing_but_what_the_server_sets_is_no_argument() -> None:
    path = item(post=operation(None, "thing_id", requestBody=body(thing(url={**STRING, "readOnly": True}))))
    paths = {
        "/things/{thing_id}": item(get=operation(ok(thing(a=STRING)), "thing_id")),
        "/things/{thing_id}/reconnect": path,
    }
    assert made(document(paths)).endpoint("things.reconnect").body is None


def test_defaults_are_neither_read_nor_sent() -> None:
    sized = {"in": "query", "name": "size", "schema": {"type": "integer", "default": 25}}
    path = item(get=operation(ok(ref("Thing")), parameters=[sized]))
    found = made(document({"/things": path}, {"Thing": thing(a={**STRING, "default": "x"})}))
    assert "25" not in found.files["api/things.py"]
    assert "a: str | UnsetType = UNSET" in found.files["models/_default.py"]


def test_deprecated_operations_fields_and_parameters_say_so() -> None:
    old = {"in": "query", "name": "old", "deprecated": True, "schema": STRING}
    path = item(get=operation(ok(ref("Thing")), deprecated=True, parameters=[old]))
    found = made(document({"/things": path}, {"Thing": thing(a={**STRING, "deprecated": True})}))
    assert "Deprecated by the API." in found.files["api/things.py"]
    assert "old: Deprecated." in found.files["api/things.py"]
    assert '"""Deprecated."""' in found.files["models/_default.py"]


def test_webhooks_at_top_level_keep_their_models() -> None:
    hooks = {"thing.made": item(post=operation(requestBody=body(thing(data=ref("Thing"))), tags=["Hooks"]))}
    found = made(document({}, {"Thing": thing(a=STRING)}, webhooks=hooks))
    assert [(module.name, module.names) for module in found.package.modules] == [("_hooks", ("Thing",))]


def test_a_parameter_named_like_a_keyword_gets_an_underscore() -> None:
    since = {"in": "query", "name": "from", "schema": STRING}
    found = made(
        document({"/things": item(get=operation(ok(ref("Thing")), parameters=[since]))}, {"Thing": thing(a=STRING)})
    )
    assert [(p.name, p.wire) for p in found.endpoint("things.get").parameters] == [("from_", "from")]


def test_a_page_that_is_an_object_holds_its_items_in_its_one_array() -> None:
    page = thing(items={"type": "array", "items": ref("Thing")}, total={"type": "integer"})
    response = {"200": {"description": "A page.", "headers": {"link": {"schema": STRING}}, **body(page)}}
    found = made(document({"/things": item(get=operation(response))}, {"Thing": thing(a=STRING)}))
    assert found.endpoint("things.list").outcome.returns == "Paginator[m.Thing]"


def test_an_operation_keeps_its_own_error_responses() -> None:
    told = {"description": "No."}
    get = operation({**ok(ref("Thing")), "503": told, "409": told, "404": told}, "thing_id")
    found = made(document({"/things/{thing_id}": item(get=get)}, {"Thing": thing(a=STRING)}))
    assert found.endpoint("things.get").responses == (409, 503)
    assert "responses=(409, 503, )" in found.files["api/things.py"]
    assert "responses=" not in made_of(thing(a=STRING)).files["api/things.py"]
