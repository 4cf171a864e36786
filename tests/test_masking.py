"""Secrets mask themselves, and foreign text is safe to print."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import InvalidArgument
from ev_energy_async.masking import Secret, masked, printable, without_userinfo


@pytest.mark.parametrize("plain", ["a-token-of-somebody", b"a-token-of-somebody"])
def test_a_secret_shows_itself_nowhere(plain: Any) -> None:
    secret: Secret[Any] = Secret(plain)

    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", repr({"Authorization": secret}), repr([secret])]
    assert not any("a-token" in text for text in shown)
    assert secret.reveal() == plain
    assert not isinstance(secret, str | bytes), "serialisers of error trackers print these as they are"


def test_a_secret_that_is_pickled_loses_its_value() -> None:
    assert b"a-token" not in pickle.dumps(Secret("a-token-of-somebody"))
    assert copy.deepcopy(Secret("a-token")) == Secret("")


def test_secrets_are_compared_by_value_and_not_with_plain_text() -> None:
    assert Secret("one") == Secret("one")
    assert len({Secret("one"), Secret("one"), Secret("two")}) == 2
    assert Secret("one") != "one"
    assert Secret("token").prefixed("Bearer ").reveal() == "Bearer token"
    assert (bool(Secret("")), len(Secret("four"))) == (False, 4)


def test_a_text_is_shown_without_the_secrets_in_it() -> None:
    text = "Token abcdef-123 is not abcdef"

    assert masked(text, [Secret("abcdef"), Secret("abcdef-123"), Secret(b"not ")]) == "Token *** is ******"
    assert masked(text, [Secret(""), Secret("is")]) == text, "what is that short hides nothing"


def test_control_characters_and_marks_of_direction_are_escaped() -> None:
    assert printable("a\x1b[2J\r\n\u202eb\u2028\ud83d") == r"a\x1b[2J\r\n\u202eb\u2028\ud83d"
    assert printable("naïve 漢字 😀") == "naïve 漢字 😀"


@given(st.text(max_size=40))
def test_what_is_shown_can_be_printed(text: str) -> None:
    shown = printable(text, 20)

    assert shown.isprintable()
    assert shown.encode().decode() == shown
    json.dumps(shown)


def test_a_long_text_is_cut() -> None:
    assert printable("x" * 50_000_000, 5) == "xxxxx…"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:my-password@proxy.example:8080/x", "https://***@proxy.example:8080/x"),
        ("https://me:my-p@ssword@proxy.example", "https://***@proxy.example"),
        ("https://api.example/users/kim@example.com", "https://api.example/users/kim@example.com"),
    ],
)
def test_the_password_in_an_address_is_not_shown(url: str, shown: str) -> None:
    assert without_userinfo(url) == shown
    assert "ssword" not in str(InvalidArgument("base_url", url, "a URL"))
