"""What a subscription's holder must keep to itself, and the forms in which the database has it.

A *token* opens the door to one subscription. It is 256 random bits, so that its SHA-256 digest
cannot be searched, and the digest is all that is stored. A *signing secret* signs webhooks, and for
that it must be had again: it is stored sealed, with Fernet (AES-128 in CBC mode, HMAC-SHA256),
under keys that stand outside the database. A *ticket* opens one thing for a minute, to whoever cannot
send a token; it is nowhere stored.
"""

import contextlib
import hmac
import os
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.runtime.settings import HOW_TO_MAKE_A_KEY, Settings, SettingsError

KEY_FILE: Final = "subscriptions.key"
"""Of a data directory whose process was given no keys."""

TICKET_S: Final = 60
"""How long a ticket opens what it is for."""

_TICKET: Final = b"ticket:"
_OTHERS: Final = 0o077


class OtherKeyError(RuntimeError):
    """A secret was sealed under a key that this process was not given."""


def digest(token: str) -> str:
    """Return what is stored of a token: its SHA-256, in hexadecimal digits."""
    return sha256(token.encode()).hexdigest()


def is_token(token: str, stored: str | None) -> bool:
    """Tell, in constant time, whether a digest is a token's; no digest is nobody's."""
    return hmac.compare_digest(digest(token), stored or "") and stored is not None


class Keyring:
    """Seals secrets under the first of its keys, and opens what any of them has sealed."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take at least one key: 32 bytes in URL-safe base64.

        Raises:
            ValueError: a key is not of this form.
        """
        fernets = [Fernet(key) for key in keys]
        self._first = fernets[0]
        self._all = MultiFernet(fernets)

    def seal(self, secret: str) -> str:
        """Return the form in which a secret is stored."""
        return self._first.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the secret that was sealed.

        Raises:
            OtherKeyError: under none of these keys, or it was tampered with.
        """
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken as error:
            raise OtherKeyError("sealed under none of the keys that are given") from error

    def ticket(self, purpose: str, at_s: int) -> str:
        """Return what `is_ticket` knows again, for whoever it is handed to.

        It is sealed like a secret, and no secret begins as a ticket does. at_s: Unix time.
        """
        return self._first.encrypt_at_time(_TICKET + purpose.encode(), at_s).decode()

    def is_ticket(self, ticket: str, purpose: str, at_s: int) -> bool:
        """Tell whether a ticket is for this purpose and was given out at most `TICKET_S` ago."""
        try:
            return self._all.decrypt_at_time(ticket, TICKET_S, at_s) == _TICKET + purpose.encode()
        except (InvalidToken, ValueError):  # the latter where it is no ASCII
            return False

    def sealed_anew(self, sealed: str) -> str | None:
        """Return the same secret sealed under the first key; None if that is how it stands.

        Raises:
            OtherKeyError: as `open`.
        """
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None


def require_keys(settings: Settings) -> None:
    """Refuse a shared database without keys.

    Raises:
        SettingsError: so it is; the message says how to mend it.
    """
    if settings.database_url is not None and settings.secret_keys is None:
        raise SettingsError(
            "CARELOOP_SECRET_KEYS: a database that is shared holds signing secrets only under a key"
            f" that every process is given; {HOW_TO_MAKE_A_KEY}"
        )


def keyring_of(settings: Settings) -> Keyring:
    """Return the keys that the settings give, else that of the data directory, made if it is new.

    Raises:
        SettingsError: a shared database and no keys, or a key that is none; it says how to mend it.
    """
    require_keys(settings)
    if settings.secret_keys is not None:
        return Keyring(settings.secret_keys.get_secret_value().split(","))
    path = settings.data_dir / KEY_FILE
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & _OTHERS:
        raise SettingsError(f"{path}: others may read the key; mend it with `chmod 600 {path}`")
    try:
        return Keyring([path.read_text("ascii").strip()])
    except ValueError as error:
        raise SettingsError(f"{path} is not a key ({error}); restore it from a backup") from error


def _make_key(path: Path) -> None:
    """Write a fresh key that its owner alone can read, whole or not at all; the first one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:  # mode 0600
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
