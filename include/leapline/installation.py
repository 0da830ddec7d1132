"""The installation's folder: where `.env` is, and what relative paths in the settings refer to.

`leapline` works from any folder. The installation is the first of:

1. the nearest folder at or above the working directory with a Leapline `.env` (one that sets a LEAPLINE_ variable) or
   with a checkout of Leapline;
2. the checkout from which the running `leapline` was installed;
3. the working directory.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENV_FILE: Final = ".env"
ENV_FILE_VARIABLE: Final = "LEAPLINE_ENV_FILE"
"""Environment variable with another file of settings; the null device for none."""
_LEAPLINE_VARIABLE: Final = re.compile(r"^\s*(export\s+)?LEAPLINE_", re.MULTILINE | re.IGNORECASE)
_LEAPLINE_PROJECT: Final = re.compile(r'^name\s*=\s*"leapline"', re.MULTILINE)


@dataclass(frozen=True)
class Installation:
    """An installation.

    Attributes:
        folder: its folder, absolute.
        recognised: whether the folder has a Leapline `.env` or is a checkout; otherwise it is just the working
            directory.
    """

    folder: Path
    recognised: bool

    @property
    def env_file(self) -> Path:
        """The `.env` file, or the one that the environment names; it need not exist."""
        return self.folder / os.environ.get(ENV_FILE_VARIABLE, ENV_FILE)

    def resolve(self, path: Path) -> Path:
        """Return the path itself if it is absolute, otherwise the path below the installation's folder."""
        return self.folder / path


def find_installation(start: Path | None = None) -> Installation:
    """Return the installation for a working directory.

    Args:
        start: where the search starts; the working directory if None.
    """
    working_directory = (start or Path.cwd()).absolute()
    checkout = Path(__file__).resolve().parents[2]
    for folder in (working_directory, *working_directory.parents, checkout):
        if _is_installation(folder):
            return Installation(folder, recognised=True)
    return Installation(working_directory, recognised=False)


def _is_installation(folder: Path) -> bool:
    return _matches(folder / ENV_FILE, _LEAPLINE_VARIABLE) or _matches(folder / "pyproject.toml", _LEAPLINE_PROJECT)


def _matches(path: Path, pattern: re.Pattern[str]) -> bool:
    try:
        return bool(pattern.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False
