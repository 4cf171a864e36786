"""Settings: flags, then `EV_ENERGY_*`, then the profile in `config.toml`, then what `ev-energy login` left.

No secret is a flag or stands in `config.toml`: secrets come from the environment, or from the private files of a login.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import ChainMap
from typing import TYPE_CHECKING, Any, Final, Unpack

import attrs
import platformdirs

from ev_energy_async import EvEnergy, InvalidArgument
from ev_energy_async._version import __version__
from ev_energy_async.cli.formats import FORMATS
from ev_energy_async.cli.logins import Login
from ev_energy_async.masking import printable
from ev_energy_async.urls import BASE_URL
from ev_energy_async.values import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ev_energy_async import ClientOptions

__all__ = ["Settings", "config_file"]

_APPLICATION: Final = "ev-energy"
_DEFAULT: Final = "default"
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_ADDRESSES: Final = ("postgres_dsn", "redis_url")
_TEXTS: Final = ("authorize_url", "base_url", "client_id", "output", "redirect_uri", "token_url", "user", *_ADDRESSES)
_FLAGS: Final = ("allow_http", "read_only")
_KEYS: Final = (*_TEXTS, *_FLAGS, "scopes")
_WORDS: Final = {"1": True, "true": True, "yes": True, "": False, "0": False, "false": False, "no": False}


def config_file() -> Path:
    """Return where the configuration is: `config.toml` in the user's configuration folder."""
    return platformdirs.user_config_path(_APPLICATION) / "config.toml"


@attrs.frozen
class Settings:
    """The settings of one run.

    Attributes:
        profile: The profile that they are of.
        user: User in whose context to call; None for none.
        read_only: Whether to refuse writes.
        output: The format of stdout; None to choose it.
        scopes: Scopes to ask for at a login.
        values: Environment and profile, by the names of the environment's variables.
    """

    profile: str
    user: str | None
    read_only: bool
    output: str | None
    scopes: tuple[str, ...]
    values: Mapping[str, str] = attrs.field(repr=False)

    @classmethod
    def load(cls, *, profile: str | None, user: str | None, read_only: bool, output: str | None) -> Settings:
        """Return the settings of a run, given its flags; these win.

        Raises:
            InvalidArgument: A setting is not what it should be, or there is no such profile.
        """
        config = _read(config_file())
        name = profile or os.environ.get("EV_ENERGY_PROFILE") or config.get("profile") or _DEFAULT
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidArgument("profile", name, "a name of letters, digits, dots, dashes and underscores")
        profiles: dict[str, Any] = config.get("profiles", {})
        chosen = _checked(name, profiles.get(name, {}))
        scopes: list[str] = chosen.pop("scopes", [])
        texts = {f"EV_ENERGY_{name.upper()}": _text(value) for name, value in chosen.items()}
        values = ChainMap(os.environ, texts)
        output = output or values.get("EV_ENERGY_OUTPUT") or None
        if output is not None and output not in FORMATS:
            raise InvalidArgument("EV_ENERGY_OUTPUT", output, f"one of {', '.join(FORMATS)}")
        word = values.get("EV_ENERGY_READ_ONLY", "").strip().lower()
        if word not in _WORDS:
            raise InvalidArgument("EV_ENERGY_READ_ONLY", word, "1 or 0")
        return cls(
            profile=name,
            user=user or values.get("EV_ENERGY_USER") or None,
            read_only=read_only or _WORDS[word],
            output=output,
            scopes=tuple(scopes),
            values=values,
        )

    @property
    def base_url(self) -> str:
        """Base URL of the API."""
        login = None if self.has_environment_credentials else self.login()
        return self.get("BASE_URL") or (BASE_URL if login is None else login.base_url)

    @property
    def has_environment_credentials(self) -> bool:
        """Whether the environment has a token or a secret, which win over a login."""
        return bool(self.get("TOKEN") or self.get("CLIENT_SECRET"))

    @property
    def folder(self) -> Path:
        """Where the login of the profile is kept: a folder for its owner alone."""
        return platformdirs.user_data_path(_APPLICATION) / "profiles" / self.profile

    def get(self, name: str) -> str | None:
        """Return the value of `EV_ENERGY_...`; None if it is empty or absent."""
        return self.values.get(f"EV_ENERGY_{name}") or None

    def login(self) -> Login | None:
        """Return the login of the profile; None if there is none.

        Raises:
            TokenStoreError: Its file cannot be read, or holds something else.
        """
        return Login.read(self.folder)

    def client(self, **options: Unpack[ClientOptions]) -> EvEnergy:
        """Return a client: with credentials of the environment, else with the login of the profile, else without.

        Args:
            options: Further arguments of the client; they win.

        Raises:
            InvalidArgument: A setting is not what it should be, or the login is for another API.
            TokenStoreError: The login cannot be read.
        """
        options = {"read_only": self.read_only, "user_agent": f"ev-energy/{__version__}", **options}
        if self.user is not None:
            options["user"] = self.user
        if self.has_environment_credentials:
            return EvEnergy.from_env(self.values, **options)
        login = self.login()
        options["base_url"] = self.base_url
        if login is not None:
            login.check_base_url(self.base_url, self.profile)
            options["auth"] = login.grant(self.folder)
        else:
            options["auth"] = None
        return EvEnergy.from_env({"EV_ENERGY_ALLOW_HTTP": self.get("ALLOW_HTTP") or ""}, **options)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidArgument("config", str(path), f"a TOML file that can be read ({printable(str(error))})") from None
    unknown = found.keys() - {"profile", "profiles"}
    if unknown:
        raise InvalidArgument(str(path), min(unknown), "`profile`, and tables such as [profiles.default]")
    profiles: Any = found.get("profiles", {})
    if not isinstance(profiles, dict):
        raise InvalidArgument(str(path), profiles, "tables such as [profiles.default]")
    return found


def _checked(profile: str, given: Any) -> dict[str, Any]:
    """Return the settings of a profile, if they are what they should be."""
    where = f"profiles.{profile}"
    if not is_object(given):
        raise InvalidArgument(where, given, "a table of settings")
    found: dict[str, Any] = given
    for name, value in found.items():
        if name not in _KEYS:
            # A secret that was put there by mistake is not shown.
            expected = f"one of {', '.join(sorted(_KEYS))}; secrets come from `ev-energy login` or the environment"
            raise InvalidArgument(where, name, expected)
        if name in _FLAGS and not isinstance(value, bool):
            raise InvalidArgument(f"{where}.{name}", value, "true or false")
        if name in _TEXTS and not isinstance(value, str):
            raise InvalidArgument(f"{where}.{name}", value, "a text")
        if name in _ADDRESSES and _has_password(str(value)):
            expected = "an address without a password; one with a password comes from the environment"
            raise InvalidArgument(f"{where}.{name}", None, expected)
        if name == "scopes" and not (is_array(value) and all(isinstance(each, str) for each in value)):
            raise InvalidArgument(f"{where}.{name}", value, "a list of texts")
    return dict(found)


def _has_password(address: str) -> bool:
    return "password" in address.lower() or bool(re.search(r"//[^/@]*:[^/@]+@", address))


def _text(value: object) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)
