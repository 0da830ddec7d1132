"""How the scorer of each platform is executed on this machine: natively, or by user-mode emulation (QEMU).

An image is published for the platforms on which it was executed here, with the layers that are published. Whether an
emulator works is tried with the scorer itself, confined as in the probe: an emulator may be installed and still crash,
be unreadable for the other user, or exist only in the kernel's table of binary formats (binfmt_misc).
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leapline.confinement import Limits, limited, popen_options
from leapline.serving.platforms import host_architecture

NATIVELY: Final = "natively"
EMULATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "amd64": ("qemu-x86_64-static", "qemu-x86_64"),
    "arm64": ("qemu-aarch64-static", "qemu-aarch64"),
}
"""The programs that execute another platform's programs, in the order in which they are looked for on PATH."""
PACKAGE: Final = "qemu-user-static"
"""The package of Debian and Ubuntu with these programs."""
_ELF_MACHINES: Final = {"amd64": 62, "arm64": 183}
_TRIAL_S: Final = 20.0


@dataclass(frozen=True)
class Execution:
    """How a platform's scorer is executed here.

    Attributes:
        arch: the platform's architecture in OCI's notation.
        command: what precedes the program, such as an emulator; empty if the kernel starts it.
        how: "natively", or "by emulation (qemu-aarch64 7.2.22)"; empty if it cannot be executed.
        problem: why it cannot be executed; empty if it can.
    """

    arch: str
    command: tuple[str, ...] = ()
    how: str = ""
    problem: str = ""

    @property
    def is_native(self) -> bool:
        """Whether it is executed without an emulator, so that its latency is that of the platform."""
        return self.how == NATIVELY


def native() -> Execution:
    """Return how scorers of this machine's own architecture are executed."""
    return Execution(host_architecture(), how=NATIVELY)


def execution(arch: str, scorer: Path) -> Execution:
    """Return how a platform's scorer is executed here, after executing it once if it is not this machine's platform.

    Args:
        arch: the platform's architecture, "amd64" or "arm64".
        scorer: its static binary.
    """
    if arch == host_architecture():
        return native()
    names = EMULATORS[arch]
    problems = []
    for path in filter(None, map(shutil.which, names)):
        fault = _fault((path,), scorer)
        if not fault:
            return Execution(arch, (path,), f"by emulation ({_version(Path(path))})")
        problems.append(f"{path} fails: {fault}")
    # The kernel also starts programs of its own architecture, so the format of this one matters.
    if _machine(scorer) == _ELF_MACHINES[arch] and not _fault((), scorer):
        return Execution(arch, (), "by emulation (binfmt_misc)")
    absent = f"this machine is linux/{host_architecture()}, and there is no {names[0]} on its PATH"
    return Execution(arch, problem="; ".join(problems) or absent)


def _fault(command: tuple[str, ...], scorer: Path) -> str:
    """Execute the scorer once, confined; return why that fails, and nothing if it does not."""
    with tempfile.TemporaryDirectory(prefix="leapline-emulator-") as work:
        folder = Path(work) / "private"
        folder.mkdir()
        shutil.copy(scorer, folder / "scorer")
        (folder / "scorer").chmod(0o755)
        argv = limited([*command, "./scorer", "version"], Limits(cpu_seconds=int(_TRIAL_S)))
        options = popen_options(folder)
        try:
            done = subprocess.run(
                argv, cwd=folder, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRIAL_S, check=False,
                **options,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as exc:
            return str(exc)
    if done.returncode == 0 and done.stdout.strip():
        return ""
    text = done.stderr.decode(errors="replace").strip()[-200:]
    return f"exit status {done.returncode}" + (f", {text}" if text else "")


def _version(emulator: Path) -> str:
    """Return name and version, such as `qemu-aarch64 7.2.22`."""
    name = emulator.name.removesuffix("-static")
    try:
        done = subprocess.run([emulator, "--version"], capture_output=True, timeout=_TRIAL_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return name
    match = re.search(rb"version (\d[\w.]*)", done.stdout)
    return f"{name} {match[1].decode()}" if match else name


def _machine(binary: Path) -> int | None:
    """Return the machine of an ELF program, little-endian as on both platforms; None for other files."""
    with binary.open("rb") as file:
        header = file.read(20)
    return int.from_bytes(header[18:20], "little") if header[:4] == b"\x7fELF" and len(header) == 20 else None
