"""The pseudonym key of a local installation: created once in its `.env`, readable by the owner only."""

import secrets
import sys

from leapline.errors import SettingsError
from leapline.installation import find_installation
from leapline.local.env_file import append_setting
from leapline.settings import PREFIX, Settings


def ensure_pseudonym_key(settings: Settings) -> Settings:
    """Return settings with a pseudonym key; if none is set, create one and append it to the installation's `.env`.

    With the same key a returning visitor keeps the same pseudonym on every day. Once the key is deleted, existing
    pseudonyms can no longer be linked to a visitor.

    Raises:
        SettingsError: no key is set, and the working directory belongs to no installation. A new key in an arbitrary
            folder would change the pseudonym of every visitor.
    """
    if settings.pseudonym_key:
        return settings
    installation = find_installation()
    if not installation.recognised:
        raise SettingsError(
            f"{PREFIX}PSEUDONYM_KEY",
            found=f"no key, and no installation in {installation.folder} or above",
            expected="a key, or a working directory inside an installation",
            fix=f"Change to the folder with your .env, or set {PREFIX}PSEUDONYM_KEY, e.g. to the output of "
            "`openssl rand -hex 32`.",
        )
    key = secrets.token_hex(32)
    comment = "Created by leapline: the key of the session and visitor pseudonyms. Keep it out of the lake."
    append_setting(installation, "pseudonym_key", key, comment)
    print(f"Created the pseudonym key in {installation.env_file}", file=sys.stderr)
    return Settings.load(**settings.model_dump(exclude_unset=True), pseudonym_key=key)
