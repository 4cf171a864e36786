"""Several responses that mean success, and responses that are no JSON."""

from __future__ import annotations

from typing import Any

from tests.generator.small import item, ok, operation, ref, thing
from tests.generator.styles.kit import Reply, Style
from tests.generator.styles.unions import STRING

ARRAY = {"type": "array", "items": STRING}


def of(media: str, schema: Any = None) -> dict[str, Any]:
    return {"description": "Fine.", "content": {media: {} if schema is None else {"schema": schema}}}


def gets(path: str, responses: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {path: item(get=operation(responses, **rest))}


def _job_or_thing(path: str, name: str) -> dict[str, Any]:
    responses = {**ok(ref(f"{name}Thing")), "202": ok(ref(f"{name}Job"))["200"]}
    return gets(path, responses)


RESPONSES = {
    "two objects, the first": Style(
        paths=_job_or_thing("/first", "First"),
        schemas={"FirstThing": thing(a=STRING), "FirstJob": thing(a=STRING)},
        call="ev.first.get()",
        signature="() -> 'm.FirstThing | m.FirstJob'",
        reply=Reply(body={"a": "x"}),
        returns="FirstThing(a='x')",
    ),
    "two objects, the second": Style(
        paths=_job_or_thing("/second", "Second"),
        schemas={"SecondThing": thing(a=STRING), "SecondJob": thing(a=STRING)},
        call="ev.second.get()",
        reply=Reply(body={"a": "x"}, status=202),
        returns="SecondJob(a='x')",
    ),
    "an array or an object": Style(
        paths=gets("/arrays", {**ok({"type": "array", "items": STRING}), "202": ok(ref("ArraysJob"))["200"]}),
        schemas={"ArraysJob": thing(a=STRING)},
        call="ev.arrays.list()",
        signature="() -> 'list[str] | m.ArraysJob'",
        reply=Reply(body={"a": "x"}, status=202),
        returns="ArraysJob(a='x')",
    ),
    "an object or nothing": Style(
        paths=gets("/accepted", {**ok(thing(a=STRING)), "202": {"description": "Later."}}),
        call="ev.accepted.get()",
        signature="() -> 'm.Accepted | None'",
        reply=Reply(status=202),
        returns="None",
    ),
    "default alone": Style(
        paths=gets("/defaulted", {"default": ok(ref("Defaulted"))["200"]}),
        schemas={"Defaulted": thing(a=STRING)},
        call="ev.defaulted.get()",
        signature="() -> 'm.Defaulted'",
        reply=Reply(body={"a": "x"}),
        returns="Defaulted(a='x')",
    ),
    "default beside a success is for failures": Style(
        paths=gets("/failing", {**ok(ref("Failing")), "default": ok(thing(error=STRING))["200"]}),
        schemas={"Failing": thing(a=STRING)},
        call="ev.failing.get()",
        signature="() -> 'm.Failing'",
        reply=Reply(body={"a": "x"}),
        returns="Failing(a='x')",
    ),
    "a range of statuses": Style(
        paths=gets("/ranged", {"2XX": ok(ref("Ranged"))["200"]}),
        schemas={"Ranged": thing(a=STRING)},
        call="ev.ranged.get()",
        signature="() -> 'm.Ranged'",
        reply=Reply(body={"a": "x"}, status=203),
        returns="Ranged(a='x')",
    ),
    "not modified": Style(
        paths=gets(
            "/cached",
            {**ok(ref("Cached")), "304": {"description": "As it was."}},
            parameters=[{"in": "header", "name": "If-None-Match", "schema": STRING}],
        ),
        schemas={"Cached": thing(a=STRING)},
        call="""ev.cached.get(if_none_match='"x"')""",
        signature="(*, if_none_match: 'str | UnsetType' = UNSET) -> 'm.Cached | None'",
        sends='GET /cached If-None-Match: "x";',
        reply=Reply(status=304),
        returns="None",
    ),
    "not modified where nobody spoke of it": Style(
        paths=gets("/uncached", ok(ref("Uncached"))),
        schemas={"Uncached": thing(a=STRING)},
        call="ev.uncached.get()",
        reply=Reply(status=304),
        raises="ApiError: 304 for GET /uncached: Not Modified",
    ),
    "a redirect or an object": Style(
        paths=gets("/elsewhere", {**ok(ref("Elsewhere")), "302": {"description": "There."}}),
        schemas={"Elsewhere": thing(a=STRING)},
        call="ev.elsewhere.get()",
        signature="() -> 'str | m.Elsewhere'",
        reply=Reply(body={"a": "x"}),
        returns="Elsewhere(a='x')",
    ),
    "head": Style(
        paths={"/headed": item(head=operation(ok(ref("Headed"))))},
        schemas={"Headed": thing(a=STRING)},
        call="ev.headed.head()",
        signature="() -> 'None'",
        sends="HEAD /headed",
        returns="None",
    ),
    "text": Style(
        paths=gets("/table", {"200": of("text/csv", STRING)}),
        call="ev.table.get()",
        signature="() -> 'str'",
        sends="GET /table Accept: text/csv, application/problem+json;",
        reply=Reply(text="a,b\n1,é\n", media="text/csv; charset=utf-8"),
        returns="'a,b\\n1,é\\n'",
    ),
    "text in another character set": Style(
        paths=gets("/odd_table", {"200": of("text/plain")}),
        call="ev.odd_table.get()",
        reply=Reply(text="x", media="text/plain; charset=no-such"),
        raises="DecodeError: the response is no text in no-such at $ in the response to GET /odd_table",
    ),
    "bytes": Style(
        paths=gets("/picture", {"200": of("image/png", {"type": "string", "format": "binary"})}),
        call="ev.picture.get()",
        signature="() -> 'bytes'",
        sends="GET /picture Accept: image/png, application/problem+json;",
        reply=Reply(text="\x00PNG", media="image/png"),
        returns="b'\\x00PNG'",
    ),
    "bytes now, or a job": Style(
        paths=gets("/report", {"200": of("application/octet-stream"), "202": ok(ref("ReportJob"))["200"]}),
        schemas={"ReportJob": thing(a=STRING)},
        call="ev.report.get()",
        signature="() -> 'bytes | m.ReportJob'",
        sends="GET /report Accept: application/json, application/octet-stream, application/problem+json;",
        reply=Reply(body={"a": "x"}, status=202),
        returns="ReportJob(a='x')",
    ),
    "a kind of JSON": Style(
        paths=gets("/hal", {"200": of("application/hal+json", thing(_links=thing(next=STRING)))}),
        call="ev.hal.get()",
        sends="GET /hal Accept: application/hal+json, application/problem+json;",
        reply=Reply(body={"_links": {"next": "x"}}, media="application/hal+json"),
        returns="Hal(links=HalLinks(next='x'))",
    ),
}
