"""The pseudonym key of a local installation: created once in `.env`, readable by the owner only."""

import os
import secrets
from pathlib import Path

from leapline.settings import PREFIX, Settings


def ensure_pseudonym_key(settings: Settings, env_file: Path = Path(".env")) -> Settings:
    """Return settings with a pseudonym key; if none is set, create one and append it to the `.env` file.

    With the same key a returning visitor keeps the same pseudonym on every day. Once the key is deleted, existing
    pseudonyms can no longer be linked to a visitor.
    """
    if settings.pseudonym_key:
        return settings
    key = secrets.token_hex(32)
    comment = "Created by leapline: the key of the session and visitor pseudonyms. Keep it out of the lake."
    with os.fdopen(os.open(env_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a") as out:
        out.write(f"# {comment}\n{PREFIX}PSEUDONYM_KEY={key}\n")
    return Settings.load(**settings.model_dump(exclude_unset=True), pseudonym_key=key)
