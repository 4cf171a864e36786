"""Settings: options, environment, `config.toml`, and what a login leaves."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from ev_energy_async import AuthError, BadRequest, errors
from ev_energy_async.cli import exits
from ev_energy_async.cli.exits import Incomplete, code_of

if TYPE_CHECKING:
    from tests.sandbox.places import Places

    from .conftest import User

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRY = ("api", "vehicles", "list", "--dry-run", "-o", "json")


def configure(user: User, text: str) -> None:
    folder = user.home / "config" / "ev-energy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text, "utf-8")


async def test_options_win_over_the_environment_and_that_over_the_profile(stranger: User) -> None:
    configure(
        stranger,
        'profile = "work"\n[profiles.work]\nbase_url = "https://work.example/v2"\noutput = "jsonl"\n'
        'user = "user01HN2NJ9NMRZBXT1H6FT9N7735"\n[profiles.other]\nbase_url = "https://other.example/v2"\n',
    )

    def url(*words: str) -> str:
        shown: str = json.loads(stranger.types(*words, *DRY).stdout)["url"]
        return shown.partition("/v2")[0]

    assert url() == "https://work.example"
    assert url("--profile", "other") == "https://other.example"
    stranger.env["EV_ENERGY_PROFILE"] = "other"
    assert url() == "https://other.example"
    assert url("--profile", "work") == "https://work.example"
    stranger.env["EV_ENERGY_BASE_URL"] = "https://shell.example/v2"
    assert url("--profile", "work") == "https://shell.example"


async def test_global_options_may_stand_before_and_after_a_command(stranger: User) -> None:
    user = "user01HN2NJ9NMRZBXT1H6FT9N7735"
    before = stranger.types("--user", user, "-o", "json", "api", "vehicle-makes", "list", "--dry-run")
    after = stranger.types("api", "vehicle-makes", "list", "--dry-run", "--user", user, "-o", "json")
    assert before.stdout == after.stdout
    assert user in before.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[profiles.default]\nclient_secret = 'hush'", "secrets come from `ev-energy login` or the environment"),
        ("[profiles.default]\nread_only = 'yes'", "expected true or false"),
        ("[profiles.default]\nscopes = 'a'", "a list of texts"),
        ("[profiles.default]\noutput = 'xml'", "one of table, json, jsonl, csv, parquet"),
        ("[default]\nuser = 'x'", "[profiles.default]"),
        ("profile = '../../x'", "a name of letters"),
        ("[profiles.default]\npostgres_dsn = 'postgresql://me:hush@db/fleet'", "an address without a password"),
        ("not toml", "a TOML file that can be read"),
    ],
)
async def test_a_wrong_setting_is_named_and_no_secret_is_shown(stranger: User, text: str, expected: str) -> None:
    configure(stranger, text)
    done = stranger.types(*DRY[:-2])
    assert done.exit_code == 2
    assert expected in done.stderr
    assert "hush" not in done.stderr


async def test_no_secret_is_an_option(stranger: User) -> None:
    for words in (["--help"], ["login", "--help"], ["webhooks", "verify", "--help"], ["webhooks", "send", "--help"]):
        shown = stranger.types(*words).stdout
        assert "--client-secret" not in shown
        assert "--token" not in shown
        assert "--secret" not in shown


async def test_an_application_logs_in_and_out(places: Places, stranger: User) -> None:
    sandbox = places.sandbox
    stranger.env |= {"EV_ENERGY_BASE_URL": sandbox.base_url}

    done = await stranger.runs(
        "login", "--client-credentials", "--client-id", sandbox.client_id, stdin=sandbox.client_secret
    )
    assert done.exit_code == 0, done.stderr
    kept = list(stranger.home.rglob("*.json"))
    assert {each.name for each in kept} == {"login.json", "token.json"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}

    # Without the environment: the login knows its API, and shares its token.
    stranger.env["EV_ENERGY_BASE_URL"] = None
    who = json.loads((await stranger.runs("whoami")).stdout)
    assert (who["login"], who["client_id"], who["base_url"]) == (
        "client_credentials",
        sandbox.client_id,
        sandbox.base_url,
    )
    before = kept[0].with_name("token.json").read_bytes()
    assert (await stranger.runs("api", "vehicles", "list", "--limit", "1")).exit_code == 0
    assert kept[0].with_name("token.json").read_bytes() == before

    # Its token goes to no other API.
    stranger.env["EV_ENERGY_BASE_URL"] = "https://elsewhere.example/v2"
    done = await stranger.runs("api", "vehicles", "list")
    assert (done.exit_code, "is logged in" in done.stderr) == (2, True)
    stranger.env["EV_ENERGY_BASE_URL"] = None

    assert (await stranger.runs("logout")).exit_code == 0
    assert not list(stranger.home.rglob("*.json"))
    stranger.env["EV_ENERGY_BASE_URL"] = sandbox.base_url
    done = await stranger.runs("api", "vehicles", "list")
    assert done.exit_code == exits.AUTHENTICATION
    assert "ev-energy login" in done.stderr


async def test_a_wrong_secret_leaves_no_login(places: Places, stranger: User) -> None:
    stranger.env["EV_ENERGY_BASE_URL"] = places.sandbox.base_url
    done = await stranger.runs(
        "login", "--client-credentials", "--client-id", places.sandbox.client_id, stdin="not-the-secret"
    )
    assert done.exit_code == exits.AUTHENTICATION
    assert "not-the-secret" not in done.stderr + done.stdout
    assert not list(stranger.home.rglob("login.json"))


async def test_a_damaged_login_is_reported_without_its_content(stranger: User) -> None:
    folder = stranger.home / "data" / "ev-energy" / "profiles" / "default"
    folder.mkdir(parents=True)
    for text in ('{"client_secret": "hush"', '{"version": 2, "client_secret": "hush"}', "[]"):
        (folder / "login.json").write_text(text)
        done = stranger.types(*DRY)
        assert done.exit_code == 1
        assert "log in again" in done.stderr
        assert "hush" not in done.stderr


async def test_check_says_what_is_wrong_and_ends_with_its_code(user: User, stranger: User) -> None:
    done = await user.runs("check", "-o", "table")
    # Time stands still in the sandbox.
    assert (done.exit_code, "clock is" in done.stdout) == (1, True)
    user.env["EV_ENERGY_TOKEN"] = "wrong"
    done = await user.runs("check")
    assert done.exit_code == exits.AUTHENTICATION
    assert json.loads(done.stdout)["findings"][0].startswith("The credentials were refused")
    stranger.env["EV_ENERGY_BASE_URL"] = "http://127.0.0.1:1/v2"
    assert stranger.types("check").exit_code == 1


async def test_each_kind_of_failure_has_its_exit_code() -> None:
    pairs: list[tuple[errors.EvEnergyError, int]] = [
        (errors.EvEnergyError("x"), 1),
        (errors.InvalidArgument("x", 1, "y"), 2),
        (AuthError("invalid_client"), 4),
        (Incomplete("x"), 7),
    ]
    assert [code_of(error) for error, _ in pairs] == [code for _, code in pairs]
    kinds: dict[type[errors.EvEnergyError], int]
    kinds = {errors.NotFound: 3, errors.Forbidden: 4, errors.Unauthorized: 4, errors.RateLimited: 5, BadRequest: 1}
    kinds |= {errors.ServerError: 1}
    assert [code_of(kind.__new__(kind)) for kind in kinds] == list(kinds.values())
    others: dict[type[errors.EvEnergyError], int]
    others = {errors.BudgetExhausted: 5, errors.OutcomeUnknown: 6, errors.RequestTimeout: 1}
    assert [code_of(kind.__new__(kind)) for kind in others] == list(others.values())
