"""The check of histories by porcupine, a Go program in a module of its own."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

MODULE: Final = Path(__file__).with_name("linearizability")


def go() -> str | None:
    """Return the path of Go, which is in the environment of this Python; None without it."""
    return shutil.which("go", path=str(Path(sys.executable).parent)) or shutil.which("go")


def build(folder: Path) -> Path:
    """Compile the program into a folder."""
    binary, command = folder / "linearizability", go()
    if command is None:
        raise FileNotFoundError("Go is missing: run `make setup`")
    subprocess.run([command, "build", "-C", str(MODULE), "-o", str(binary), "."], check=True)
    return binary


def check(binary: Path, history: Path) -> tuple[bool, str]:
    """Return whether all histories of a file are linearizable, and what the program prints."""
    done = subprocess.run([str(binary), str(history)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr
