"""The files of a login in the folder of its profile: how tokens are obtained, and the token itself.

Both files are for their owner alone (mode 0600). The token is a `FileTokenStore`: runs share it, and refresh it once.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from ev_energy_async import AuthorizationCode, ClientCredentials, FileTokenStore, InvalidArgument, TokenStoreError
from ev_energy_async.files import PRIVATE_FILE, make_private_folder
from ev_energy_async.masking import Secret, reveal
from ev_energy_async.urls import origin_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Login"]

_LOGIN: Final = "login.json"
_TOKEN: Final = "token.json"  # noqa: S105  # the name of a file
_VERSION: Final = 1


@attrs.frozen(kw_only=True)
class Login:
    """The grant of a profile.

    Attributes:
        kind: The grant.
        client_id: ID of the OAuth application.
        client_secret: Its secret; None for a public client.
        base_url: Base URL of the API that the login is for.
        token_url: Token endpoint; None for the one beside the base URL.
        authorize_url: Consent page; None for the one beside the base URL.
        redirect_uri: Where the browser comes back to.
        scopes: Scopes that were asked for.
    """

    kind: Literal["authorization_code", "client_credentials"]
    client_id: str
    client_secret: Secret[str] | None = None
    base_url: str
    token_url: str | None = None
    authorize_url: str | None = None
    redirect_uri: str = ""
    scopes: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Login | None:
        """Return the login of a profile; None if there is none.

        Raises:
            TokenStoreError: The file cannot be read, or holds something else.
        """
        path = folder / _LOGIN
        try:
            found: Any = json.loads(path.read_bytes())
            if found.pop("version") != _VERSION:
                raise TokenStoreError(f"{path}: written by a later version; log in again")
            secret = found.pop("client_secret")
            scopes = tuple(found.pop("scopes"))
            return cls(client_secret=None if secret is None else Secret(secret), scopes=scopes, **found)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenStoreError(f"{path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            # Without the parser's words, which may quote the file.
            raise TokenStoreError(f"{path}: holds no login; log in again") from None

    def save(self, folder: Path) -> None:
        """Write the login of a profile, in place of the one before.

        Raises:
            TokenStoreError: It cannot be written.
        """
        path = folder / _LOGIN
        fields = {each.name: getattr(self, each.name) for each in attrs.fields(type(self))}
        fields["version"] = _VERSION
        aside = path.with_suffix(".tmp")
        try:
            make_private_folder(folder)
            aside.unlink(missing_ok=True)
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as file:
                json.dump(fields, file, indent=2, default=reveal)
            aside.replace(path)
        except OSError as error:
            raise TokenStoreError(f"{path}: {error.strerror}") from error

    @staticmethod
    def remove(folder: Path) -> None:
        """Remove the login and the token of a profile.

        Raises:
            TokenStoreError: They cannot be removed.
        """
        try:
            for name in (_LOGIN, _TOKEN):
                (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(f"{folder}: {error.strerror}") from error

    @staticmethod
    def store(folder: Path) -> FileTokenStore:
        """Return where the token of a profile is kept."""
        return FileTokenStore(folder / _TOKEN)

    def check_base_url(self, base_url: str, profile: str) -> None:
        """Refuse to use the login for another API than it was made for: its token goes nowhere else.

        Raises:
            InvalidArgument: It is for another API.
        """
        if origin_of(base_url) != origin_of(self.base_url):
            expected = f"{self.base_url}, for which profile {profile!r} is logged in; `ev-energy login` changes it"
            raise InvalidArgument("base_url", base_url, expected)

    def grant(self, folder: Path) -> AuthorizationCode | ClientCredentials:
        """Return the grant, with the token store of a profile.

        Raises:
            TokenStoreError: It lacks its secret.
        """
        if self.kind == "authorization_code":
            return AuthorizationCode(
                self.client_id,
                None if self.client_secret is None else self.client_secret.reveal(),
                redirect_uri=self.redirect_uri,
                scopes=self.scopes,
                base_url=self.base_url,
                authorize_url=self.authorize_url,
                token_url=self.token_url,
                store=self.store(folder),
            )
        if self.client_secret is None:
            raise TokenStoreError(f"{folder / _LOGIN}: has no secret; log in again")
        return ClientCredentials(
            self.client_id,
            self.client_secret.reveal(),
            token_url=self.token_url,
            scopes=self.scopes,
            store=self.store(folder),
        )
