"""An operation's own conditions: servers, security, deprecation."""

from __future__ import annotations

from typing import Any

from tests.generator.small import document, item, ok, operation, ref, thing
from tests.generator.styles.kit import Refused, Reply, Style
from tests.generator.styles.unions import STRING

OWN = [{"url": "https://elsewhere.example.com"}]
KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}


def secured(*requirements: dict[str, Any], schemes: dict[str, Any]) -> dict[str, Any]:
    made = document({"/a": item(get=operation(security=list(requirements)))})
    made["components"]["securitySchemes"] = schemes
    return made


CONDITIONS = {
    "a token or an API key": Style(
        paths={"/keyed_or_not": item(get=operation(security=[{"ConditionsKey": []}, {"ConditionsBearer": []}]))},
        security={"ConditionsKey": KEY, "ConditionsBearer": {"type": "http", "scheme": "bearer"}},
        call="ev.keyed_or_not.get()",
        sends="GET /keyed_or_not",
        returns="None",
    ),
    "a deprecated operation": Style(
        paths={"/olds/{old_id}": item(get=operation(ok(ref("Old")), "old_id", deprecated=True))},
        schemas={"Old": thing(a=STRING)},
        call="ev.olds.get('x')",
        signature="(old_id: 'Ref', /) -> 'm.Old'",
        reply=Reply(body={"a": "x"}),
        returns="Old(a='x')",
        warns="`GET /olds/{old_id}` is deprecated by the API.",
    ),
}

CONDITIONS_REFUSED = {
    "servers of an operation": Refused(
        document=document({"/a": item(get=operation(servers=OWN))}),
        told="/paths/~1a/get/servers: an address of its own",
    ),
    "servers of a path": Refused(
        document=document({"/a": {"servers": OWN, **item(get=operation())}}),
        told="/paths/~1a/servers: an address of its own",
    ),
    "an API key": Refused(
        document=secured({"key": []}, schemes={"key": KEY}),
        told="GET /a: needs key; the client sends OAuth and bearer tokens alone",
    ),
    "an API key beside a token": Refused(
        document=secured({"key": [], "token": []}, schemes={"key": KEY, "token": {"type": "oauth2", "flows": {}}}),
        told="GET /a: needs key; the client sends",
    ),
    "a name and a password": Refused(
        document=secured({"basic": []}, schemes={"basic": {"type": "http", "scheme": "basic"}}),
        told="GET /a: needs basic; the client sends",
    ),
}
