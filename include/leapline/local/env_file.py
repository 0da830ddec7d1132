"""Settings that Leapline itself appends to an installation's `.env`."""

import os

from leapline.installation import Installation
from leapline.settings import PREFIX


def append_setting(installation: Installation, name: str, value: str, comment: str) -> None:
    """Append a setting to `.env`; a new file is readable by its owner only.

    Args:
        installation: whose `.env` it is.
        name: the setting, in lower case.
        value: one line.
        comment: the line above it.
    """
    with os.fdopen(os.open(installation.env_file, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600), "a+") as out:
        out.seek(0)
        separator = "" if out.read()[-1:] in ("", "\n") else "\n"
        out.write(f"{separator}# {comment}\n{PREFIX}{name.upper()}={value}\n")
