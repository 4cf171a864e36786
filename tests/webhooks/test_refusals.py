"""Deliveries that are not provably genuine are refused, whatever is wrong with them."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from collections import UserDict
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.webhooks import WebhookVerificationError
from tests.webhooks.test_verifier import BODY, ID, NOW, OLD_KEY, mac, signed, verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@pytest.mark.parametrize("name", ["svix-id", "svix-timestamp", "svix-signature"])
def test_a_header_that_is_missing_empty_or_there_twice_is_refused(name: str) -> None:
    headers = signed(BODY)
    doubled = MultiDict([*headers.items(), (name.upper(), headers[name])])
    with pytest.raises(WebhookVerificationError, match=f"^{name} is there more than once"):
        verifier().verify(BODY, doubled)
    with pytest.raises(WebhookVerificationError, match=f"^{name} is missing"):
        verifier().verify(BODY, headers | {name: ""})
    del headers[name]
    with pytest.raises(WebhookVerificationError, match=f"^{name} is missing"):
        verifier().verify(BODY, headers)


@pytest.mark.parametrize(
    "timestamp",
    [
        "now",
        "-5",
        "+1773489600",
        "1773489600.0",
        "01773489600",
        "0123456789",
        " 1773489600",
        "1" * 400,
        "٣",
        "1e9",
        "0x6",
    ],
)
def test_a_timestamp_is_a_plain_number(timestamp: str) -> None:
    with pytest.raises(WebhookVerificationError, match="svix-timestamp is not a time"):
        verifier(tolerance=dt.timedelta(days=1)).verify(BODY, signed(BODY, timestamp=timestamp))


@pytest.mark.parametrize("message_id", ["msg 1", "msg\n1", "msg_\udcff", "nachricht_ä", "x.1.{"])
def test_an_id_is_visible_ascii(message_id: str) -> None:
    headers = signed(BODY) | {"svix-id": message_id}
    with pytest.raises(WebhookVerificationError, match="svix-id is malformed"):
        verifier().verify(BODY, headers)


def test_a_genuine_message_cannot_be_cut_into_another_one() -> None:
    # The data hold what looks like the end of an ID, a time and a body; the signed bytes stay the same.
    inner = b'{"type": "inner"}'
    outer = b'{"type": "outer", "data": 7}.' + str(NOW).encode() + b"." + inner
    moved = signed(outer) | {"svix-id": f'{ID}.{NOW}.{{"type": "outer", "data": 7}}'}
    with pytest.raises(WebhookVerificationError, match="svix-id is malformed"):
        verifier().verify(inner, moved)


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("v1", "no signature of version v1"),
        ("v1a,AAAA v2,AAAA", "no signature of version v1"),
        (" ", "no signature of version v1"),
        ("AAAA", "no signature of version v1"),
        ("v1,", "no signature matches"),
        ("v1,A", "no signature matches"),
        ("v1,!!!!", "no signature matches"),
        ("v1,a,b", "no signature matches"),
        ("v1,\udcff\xe4", "no signature matches"),
        (mac(BODY, key=OLD_KEY), "no signature matches"),
        (mac(BODY).replace(",", ", "), "no signature matches"),
        (mac(BODY).rstrip("="), "no signature matches"),
        (mac(BODY) + "A", "no signature matches"),
        (mac(BODY).replace(",", ",A"), "no signature matches"),
        (mac(BODY).replace("v1,", "v2,"), "no signature of version v1"),
    ],
)
def test_a_signature_that_is_malformed_or_of_another_key_is_refused(signature: str, reason: str) -> None:
    with pytest.raises(WebhookVerificationError, match=reason):
        verifier().verify(BODY, signed(BODY) | {"svix-signature": signature})


def test_a_body_that_is_no_utf_8_is_refused() -> None:
    body = b'{"type": "\xff"}'
    with pytest.raises(WebhookVerificationError, match="UTF-8"):
        verifier().verify(body, signed(body))


def test_nothing_of_a_refused_message_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr("ev_energy_async.codec.decode", refuse)
    with pytest.raises(WebhookVerificationError):
        verifier().verify(BODY + b" ", signed(BODY))
    with pytest.raises(AssertionError, match="parsed"):
        verifier().verify(BODY, signed(BODY))


def test_a_refusal_shows_neither_delivery_nor_secret() -> None:
    tampered = BODY.replace(b"14200", b"99999")
    with pytest.raises(WebhookVerificationError) as caught:
        verifier().verify(tampered, signed(BODY))
    error = caught.value
    assert isinstance(error, EvEnergyError)
    assert str(error) == error.reason == "no signature matches: the body was changed, or the secret is another one"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # made here


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, bytes.decode])
def test_the_raw_body_comes_in_whatever_type_a_framework_has_for_it(kind: Callable[[bytes], Any]) -> None:
    assert verifier().verify(kind(BODY), signed(BODY)).body == BODY
    with pytest.raises(WebhookVerificationError):
        verifier().verify(kind(BODY + b" "), signed(BODY))


def test_a_text_that_no_bytes_decode_to_is_refused() -> None:
    with pytest.raises(WebhookVerificationError, match="UTF-8"):
        verifier().verify('{"type": "\ud83d"}', signed(BODY))


@pytest.mark.parametrize("body", [json.loads(BODY), None, 7, [BODY]])
def test_a_body_that_is_not_raw_is_refused_with_the_reason(body: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"body: expected the raw body .* signature covers") as caught:
        verifier().verify(body, signed(BODY))
    assert "csub01" not in str(caught.value)


@pytest.mark.parametrize("headers", [None, 7, "svix-id", [ID], [("svix-id", ID, ID)]])
def test_what_is_not_headers_is_refused(headers: Any) -> None:
    with pytest.raises(InvalidArgument, match="headers: expected a mapping, or pairs"):
        verifier().verify(BODY, headers)


def _asgi(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _pairs(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return list(headers.items())


def _iterator(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return iter(headers.items())


def _lists(headers: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in headers.items()}


def _message(headers: Mapping[str, str]) -> Message:
    made = Message()
    for name, value in headers.items():
        made[name] = value
    return made


@pytest.mark.parametrize("kind", [_asgi, _lists, _message, _pairs, _iterator])
def test_headers_come_in_whatever_type_a_framework_has_for_them(kind: Callable[[Mapping[str, str]], Any]) -> None:
    assert verifier().verify(BODY, kind(signed(BODY))).id == ID
    with pytest.raises(WebhookVerificationError):
        verifier().verify(BODY, kind(signed(BODY) | {"svix-signature": "v1,AAAA"}))


@pytest.mark.parametrize("kind", [_asgi, _pairs])
def test_a_doubled_header_is_refused_in_pairs_too(kind: Callable[[Mapping[str, str]], Any]) -> None:
    with pytest.raises(WebhookVerificationError, match="more than once"):
        verifier().verify(BODY, kind(signed(BODY)) * 2)


def test_headers_of_others_are_not_looked_at() -> None:
    others: dict[Any, Any] = {"content-length": 5, 7: None, b"host": object(), "accept": ["a", "b"]}
    assert verifier().verify(BODY, {**others, **signed(BODY)}).id == ID


class _OwnHeaders(UserDict[str, str]):
    """A mapping whose lookup minds the case."""


def _read_only(headers: Mapping[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(headers))


@pytest.mark.parametrize("kind", [dict[str, str], _OwnHeaders, MultiDict[str], CIMultiDict[str], _read_only])
@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title])
def test_headers_are_found_in_any_mapping_and_any_case(
    kind: Callable[[dict[str, str]], Mapping[str, str]], spelled: Callable[[str], str]
) -> None:
    headers = {spelled(name): value for name, value in signed(BODY).items()}
    assert verifier().verify(BODY, kind({"Host": "example.org", **headers})).id == ID


def _flipped(text: bytes, data: st.DataObject) -> bytes:
    position = data.draw(st.integers(0, len(text) - 1))
    mask = data.draw(st.integers(1, 255))
    return text[:position] + bytes([text[position] ^ mask]) + text[position + 1 :]


@given(st.data())
def test_a_change_of_any_byte_of_the_body_is_refused(data: st.DataObject) -> None:
    with pytest.raises(WebhookVerificationError):
        verifier().verify(_flipped(BODY, data), signed(BODY))


@pytest.mark.parametrize("name", ["svix-id", "svix-timestamp", "svix-signature"])
@given(data=st.data())
def test_a_change_of_any_byte_of_a_header_is_refused(name: str, data: st.DataObject) -> None:
    headers = signed(BODY)
    headers[name] = _flipped(headers[name].encode(), data).decode("latin-1")
    with pytest.raises(WebhookVerificationError):
        # So tolerant that the time alone refuses nothing.
        verifier(tolerance=dt.timedelta(days=1)).verify(BODY, headers)


@given(st.text(), st.text(), st.text(), st.binary())
def test_whatever_comes_is_genuine_or_refused(message_id: str, timestamp: str, signatures: str, body: bytes) -> None:
    headers = {"svix-id": message_id, "svix-timestamp": timestamp, "svix-signature": signatures}
    with pytest.raises(WebhookVerificationError):
        verifier().verify(body, headers)
