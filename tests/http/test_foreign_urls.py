"""URLs from outside are checked before anything is sent to them; nothing but `EvEnergyError` comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import (
    AuthorizationCode,
    ClientCredentials,
    DecodeError,
    EvEnergy,
    EvEnergyError,
    InvalidArgument,
    RefreshToken,
    StaticToken,
)
from ev_energy_async.urls import is_loopback, origin_of, split_http_url

if TYPE_CHECKING:
    from tests.conftest import Network

BAD: Final = [
    "https://api.example:99999/v2",
    "https://api.example:0/v2",
    "https://api.example:port/v2",
    "https://a..b/v2",
    "https://.example/v2",
    f"https://{'x' * 64}.example/v2",
    f"https://{'x.' * 130}example/v2",
    "//x",
    "x",
    "",
    "ftp://api.example/v2",
    "https://",
    "https:///v2",
    "https://[::1/v2",
    "https://[::g]/v2",
    "https://api example/v2",
    "https://api.example/v2\n",
    "https://api.exämple/v2",
    "https://api\\.example/v2",
    "https://a%20b/v2",
    None,
    5,
    b"https://api.example/v2",
]


@pytest.mark.parametrize("url", BAD)
def test_a_base_url_that_is_none_is_refused_at_once(url: Any) -> None:
    with pytest.raises(InvalidArgument, match="base_url"):
        EvEnergy(base_url=url)


@pytest.mark.parametrize("url", [each for each in BAD if each])
def test_so_is_such_a_token_url(url: Any) -> None:
    for make in (
        lambda: ClientCredentials("id", "secret", token_url=url),
        lambda: RefreshToken("id", "refresh", token_url=url),
        lambda: AuthorizationCode("id", redirect_uri="https://app.example/", token_url=url),
    ):
        with pytest.raises(InvalidArgument, match="token_url"):
            EvEnergy(make())


@pytest.mark.parametrize("url", [each for each in BAD if each])
def test_so_is_such_an_origin(url: Any) -> None:
    with pytest.raises(InvalidArgument, match="link_origins"):
        EvEnergy(link_origins=[url])


@pytest.mark.parametrize("url", [each for each in BAD if isinstance(each, str)])
async def test_a_presigned_address_that_is_none_is_no_upload(network: Network, url: str) -> None:
    network.answer(
        "POST", "/rebate_evidence_files:start_upload", {"id": "rbef01HRFF3SEVSCRAV9B3", "presigned_url": url}
    )
    async with EvEnergy(StaticToken("t")) as ev:
        with pytest.raises(DecodeError, match="presigned_url"):
            await ev.upload_rebate_evidence(b"x", file_name="a.pdf", evidence_type="https://api.ev.energy/v2/e/1")

    assert [sent.method for sent in network.sent] == ["POST"]


@pytest.mark.parametrize("url", ["http://api.example/v2", "http://10.0.0.1/v2", "http://localhost.example/v2"])
def test_a_connection_beyond_this_machine_is_encrypted_unless_asked_for(url: str) -> None:
    with pytest.raises(InvalidArgument, match="allow_http"):
        EvEnergy(base_url=url)
    with pytest.raises(InvalidArgument, match="allow_http"):
        EvEnergy(ClientCredentials("id", "secret", token_url=url))

    assert EvEnergy(ClientCredentials("id", "secret", token_url=url), base_url=url, allow_http=True).base_url == url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "sandbox.localhost", "LOCALHOST"])
def test_on_this_machine_http_will_do(host: str) -> None:
    assert EvEnergy(base_url=f"http://{host}:8080/v2").base_url.endswith(":8080/v2")


def test_a_view_with_a_grant_of_its_own_is_checked_alike() -> None:
    with pytest.raises(InvalidArgument, match="allow_http"):
        EvEnergy().with_auth(ClientCredentials("id", "secret", token_url="http://api.example/o/token/"))


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(InvalidArgument, match="without credentials") as raised:
        EvEnergy(base_url="https://me:my-password@api.example/v2")

    assert "my-password" not in f"{raised.value} {raised.value!r}"


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}(:[0-9]{0,6})?(/.*)?", fullmatch=True))
def test_no_text_ends_in_a_foreign_exception(url: str) -> None:
    try:
        EvEnergy(base_url=url, allow_http=True)
    except EvEnergyError:
        return
    parts = split_http_url(url)
    assert parts is not None
    assert parts.hostname
    assert origin_of(url).startswith(parts.scheme)
    is_loopback(parts.hostname)
