"""The pseudonym key of a local installation: made once, kept in `.env`, for the owner's eyes only."""

import os
import secrets
from pathlib import Path

from leapline.settings import PREFIX, Settings


def with_key(settings: Settings, env_file: Path = Path(".env")) -> Settings:
    """The settings with a pseudonym key; where none is set, one is made and added to the `.env` file.

    The same key on the next day keeps a returning visitor the same pseudonym. Delete it, and the pseudonyms of the past
    can no longer be tied to anybody.
    """
    if settings.pseudonym_key:
        return settings
    key = secrets.token_hex(32)
    note = "Made by leapline: the key of the session and visitor pseudonyms. Keep it out of the lake."
    with os.fdopen(os.open(env_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a") as out:
        out.write(f"# {note}\n{PREFIX}PSEUDONYM_KEY={key}\n")
    return Settings.load(**settings.model_dump(exclude_unset=True), pseudonym_key=key)
