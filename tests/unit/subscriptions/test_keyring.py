import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from services.runtime.settings import Settings, SettingsError
from services.subscriptions.keyring import (
    KEY_FILE,
    Keyring,
    OtherKeyError,
    digest,
    is_token,
    keyring_of,
)

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_token_is_known_by_its_digest_and_nothing_else_is():
    stored = digest("token_1")

    assert is_token("token_1", stored)
    assert not is_token("token_2", stored)
    assert not is_token(stored, stored)
    assert not is_token("token_1", None)
    assert not is_token("", "")
    assert "token_1" not in stored


def test_what_was_sealed_is_opened_and_cannot_be_read_without_a_key():
    keyring = Keyring([OLD])
    sealed = keyring.seal("whsec_1")

    assert keyring.open(sealed) == "whsec_1"
    assert "whsec_1" not in sealed
    assert keyring.seal("whsec_1") != sealed
    with pytest.raises(OtherKeyError):
        Keyring([NEW]).open(sealed)


def test_a_key_is_replaced_without_a_moment_in_which_a_secret_cannot_be_opened():
    sealed = Keyring([OLD]).seal("whsec_1")

    known = Keyring([OLD, NEW])  # every process knows the new key before one seals with it
    first = Keyring([NEW, OLD])
    anew = first.sealed_anew(sealed)

    assert known.sealed_anew(sealed) is None
    assert known.open(anew) == "whsec_1"
    assert first.sealed_anew(anew) is None
    assert Keyring([NEW]).open(anew) == "whsec_1"


def test_a_data_directory_gets_a_key_that_its_owner_alone_reads_and_keeps_it(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")

    old_mask = os.umask(0)
    try:
        sealed = keyring_of(settings).seal("whsec_1")
    finally:
        os.umask(old_mask)

    assert keyring_of(settings).open(sealed) == "whsec_1"
    files = list((tmp_path / "data").iterdir())
    assert [file.name for file in files] == [KEY_FILE]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_key_that_others_may_read_is_refused_with_the_way_to_mend_it(tmp_path):
    settings = Settings(data_dir=tmp_path)
    keyring_of(settings)

    (tmp_path / KEY_FILE).chmod(0o644)

    with pytest.raises(SettingsError, match="chmod 600"):
        keyring_of(settings)


def test_of_two_first_starts_at_once_one_makes_the_key(tmp_path, monkeypatch):
    settings = Settings(data_dir=tmp_path)
    sealed = keyring_of(settings).seal("whsec_1")

    with monkeypatch.context() as late:
        late.setattr(Path, "exists", lambda _self: False)  # the other one has not seen it yet
        keyring_of(settings)

    assert keyring_of(settings).open(sealed) == "whsec_1"


def test_keys_that_are_given_win_over_the_file(tmp_path):
    sealed = keyring_of(Settings(data_dir=tmp_path)).seal("whsec_1")

    with pytest.raises(OtherKeyError):
        keyring_of(Settings(data_dir=tmp_path, secret_keys=SecretStr(NEW))).open(sealed)


def test_a_shared_database_without_a_key_is_refused_with_the_way_to_mend_it(tmp_path):
    settings = Settings(data_dir=tmp_path, database_url="postgresql://u@db/careloop")

    with pytest.raises(SettingsError, match=r"CARELOOP_SECRET_KEYS.*make one with: python -c"):
        keyring_of(settings)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_key_is_named_and_left_as_it_is(tmp_path):
    (tmp_path / KEY_FILE).write_text("")
    (tmp_path / KEY_FILE).chmod(0o600)

    with pytest.raises(SettingsError, match=rf"{KEY_FILE} is not a key"):
        keyring_of(Settings(data_dir=tmp_path))
    assert (tmp_path / KEY_FILE).read_text() == ""
