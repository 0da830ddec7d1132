"""Where the program `cleaner` is, and how executors get it."""

import platform
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline import __version__
from leapline.errors import SpecError, ToolMissingError
from leapline.events.cleaner.options import encoded

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROGRAMS: Final = Path(__file__).resolve().parents[4] / ".local" / "cleaner"
"""The folder with a static program per kind of machine. Executors get each under its file name, so the names differ."""
_NAME: Final = "leapline-cleaner-{system}-{machine}"
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def program_for(spark: "SparkSession", folder: Path = PROGRAMS) -> str:
    """Return the program for `stage_task`, and send it to the executors unless they run on this machine.

    Args:
        spark: a session.
        folder: has the programs for Linux on amd64 and arm64, or the one for this machine.

    Raises:
        ToolMissingError: it was not compiled.
    """
    if str(spark.sparkContext.master).startswith("local"):
        return str(program_here(folder))
    for machine in ("amd64", "arm64"):
        spark.sparkContext.addFile(str(_existing(folder, "linux", machine)))
    return _NAME.format(system="linux", machine="{machine}")


def program_here(folder: Path = PROGRAMS) -> Path:
    """Return the program for this machine.

    Raises:
        ToolMissingError: it was not compiled.
    """
    return _existing(folder, platform.system().lower(), _MACHINES.get(platform.machine(), platform.machine()))


def require_usable(options: Mapping[str, Any], folder: Path = PROGRAMS) -> None:
    """Let the program compile the mapping and all patterns once, before Spark starts tasks with them.

    Args:
        options: from `options.cleaner_options`.
        folder: has the program for this machine.

    Raises:
        ToolMissingError: it was not compiled, or from another version of Leapline.
        SpecError: the program rejects the mapping.
    """
    content, program = encoded(options), current_program(folder)
    request = struct.pack("<I", len(content)) + content
    done = subprocess.run([program, "check"], input=request, capture_output=True, check=False)
    if done.returncode:
        raise SpecError(
            "the event mapping",
            found=done.stderr.decode(errors="replace").removeprefix("cleaner: ").strip(),
            expected="patterns and columns that the program `cleaner` understands",
            fix="Correct the mapping (LEAPLINE_EVENT_MAPPING).",
        )


def current_program(folder: Path = PROGRAMS) -> Path:
    """Return the program for this machine, of this version of Leapline.

    Raises:
        ToolMissingError: it was not compiled, or from another version, or cannot be executed.
    """
    program = program_here(folder)
    version = _version_of(program)
    if version != __version__:
        raise ToolMissingError(
            "the program that cleans events",
            found=f"{program}: version {version}",
            expected=f"version {__version__}",
            fix="Run `make setup`.",
        )
    return program


def _version_of(program: Path) -> str:
    """Return the version of Leapline that a program was compiled for.

    Raises:
        ToolMissingError: it cannot be executed.
    """
    try:
        done = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ToolMissingError(
            "the program that cleans events", found=f"{program}: {exc}", expected="a program", fix="Run `make setup`."
        ) from exc
    return done.stdout.strip() or f"unknown (exit status {done.returncode})"


def _existing(folder: Path, system: str, machine: str) -> Path:
    program = folder / _NAME.format(system=system, machine=machine)
    if not program.is_file():
        raise ToolMissingError(
            "the program that cleans events",
            found=f"no {program}",
            expected="a static program",
            fix="Run `make setup`.",
        )
    return program
