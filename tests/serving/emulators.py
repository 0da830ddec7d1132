"""The other platform than this machine's, and whether an emulator for it is installed."""

import shutil
from pathlib import Path

import pytest

from leapline.serving.execution import EMULATORS
from leapline.serving.platforms import host_architecture
from tests.conftest import ROOT

FOREIGN = "arm64" if host_architecture() == "amd64" else "amd64"
SCORERS = {arch: ROOT / ".local" / "scorer" / f"linux-{arch}" / "scorer" for arch in ("amd64", "arm64")}
needs_emulator = pytest.mark.skipif(
    not any(map(shutil.which, EMULATORS[FOREIGN])),
    reason=f"EMULATOR ABSENT: install qemu-user-static; linux/{FOREIGN} was not executed",
)


def write_emulator(folder: Path, script: str) -> None:
    """Write a program with the name of the emulator for `FOREIGN`."""
    folder.mkdir()
    path = folder / EMULATORS[FOREIGN][0]
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
