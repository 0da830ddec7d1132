"""Where the program `cleaner` is, and how executors get it."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leapline.errors import ToolMissingError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROGRAMS: Final = Path(__file__).resolve().parents[4] / ".local" / "cleaner"
"""Folders `linux-<architecture>` with a static program each."""
_NAME: Final = "leapline-cleaner-{machine}"
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def program_for(spark: "SparkSession", folders: Path = PROGRAMS) -> str:
    """Return the program for `stage_task`, and send it to the executors unless they run on this machine.

    Args:
        spark: a session.
        folders: has `linux-amd64` and `linux-arm64`, or those of this machine.

    Raises:
        ToolMissingError: it was not compiled.
    """
    if str(spark.sparkContext.master).startswith("local"):
        machine = _MACHINES.get(platform.machine(), platform.machine())
        return str(_existing(folders / f"{platform.system().lower()}-{machine}" / "cleaner"))
    for machine in ("amd64", "arm64"):
        program = _existing(folders / f"linux-{machine}" / "cleaner")
        # Spark gives a file the name that it has, and both programs must not have the same.
        named = program.with_name(_NAME.format(machine=machine))
        if not named.exists():
            named.hardlink_to(program)
        spark.sparkContext.addFile(str(named))
    return _NAME


def _existing(program: Path) -> Path:
    if not program.is_file():
        raise ToolMissingError(
            "the program that cleans events",
            found=f"no {program}",
            expected="a static program",
            fix="Run `make setup`.",
        )
    return program
