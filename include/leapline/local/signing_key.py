"""The signing key of a local installation: a file readable by its owner only, named in the installation's `.env`."""

import os
import sys
from pathlib import Path
from typing import Final

from leapline.errors import SettingsError
from leapline.installation import find_installation
from leapline.local.env_file import append_setting
from leapline.settings import PREFIX, Settings
from leapline.signing.keys import SigningKey
from leapline.storage import lake_of

FILE: Final = Path("signing_key.pem")
"""The default name of the file, in the installation's folder."""


def has_signing_key(settings: Settings) -> bool:
    """Return whether a signing key is configured."""
    return bool(settings.signing_key or settings.signing_key_file or settings.signing_connection)


def create_signing_key(settings: Settings, file: Path = FILE, ed25519: bool = False) -> tuple[Path, SigningKey]:
    """Create a key, write it to a new file with mode 0600 and name the file in `.env`.

    Args:
        settings: of the installation.
        file: the new file; a relative path is relative to the installation's folder.
        ed25519: whether the key is Ed25519 instead of ECDSA on P-256.

    Returns:
        The file, absolute, and the key.

    Raises:
        SettingsError: a key is configured already, the file exists or cannot be written, or the working directory
            belongs to no installation.
    """
    installation = find_installation()
    _require_no_key(settings)
    if not installation.recognised:
        raise SettingsError(
            f"{PREFIX}SIGNING_KEY_FILE",
            found=f"no installation in {installation.folder} or above",
            expected="a working directory inside an installation",
            fix="Change to the folder with your .env.",
        )
    path, key = installation.resolve(file), SigningKey.generate(ed25519)
    _write_new(path, key.pem())
    comment = (
        "Created by leapline: the key that signs models. Keep the file out of the lake, and a copy in a safe place."
    )
    append_setting(installation, "signing_key_file", str(file), comment)
    return path, key


def ensure_signing_key(settings: Settings) -> Settings:
    """Return settings with a signing key; if there is none and nothing was published yet, create one.

    With models that are not signed, a new key would make the champion unusable; there, its owner creates the key.

    Raises:
        SettingsError: as `create_signing_key`.
    """
    is_new = not has_signing_key(settings) and not settings.public_keys and settings.signing != "off"
    if not is_new or lake_of(settings).keys("models"):
        return settings
    path, _ = create_signing_key(settings)
    print(f"Created the signing key in {path}", file=sys.stderr)
    return Settings.load(**settings.model_dump(exclude_unset=True), signing_key_file=path)


def _require_no_key(settings: Settings) -> None:
    if has_signing_key(settings):
        raise SettingsError(
            "signing key",
            found="a key that is configured already",
            expected="none, so that no signed model becomes unverifiable by accident",
            fix="To replace it, follow docs/signing.md (Change the key).",
        )


def _write_new(path: Path, text: str) -> None:
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.write(text)
    except OSError as exc:
        cause = "a file that exists already" if isinstance(exc, FileExistsError) else (exc.strerror or str(exc)).lower()
        fix = f"Set {PREFIX}SIGNING_KEY_FILE={path} to use it, or name another file."
        raise SettingsError(f"signing key {path}", found=cause, expected="a new file", fix=fix) from exc
