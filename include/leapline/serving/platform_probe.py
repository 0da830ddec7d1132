"""Probe every platform of an image from its own layers: this machine's natively, another one by an emulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leapline.serving.execution import Execution, execution, native
from leapline.serving.layout import architectures
from leapline.serving.platforms import host_architecture
from leapline.serving.probe import ProbeReport, ProbeSample, probe
from leapline.serving.scorer_process import unpack_built

UNTESTED: Final = "untested"


@dataclass(frozen=True)
class PlatformReport:
    """What the probe of one platform has shown.

    Attributes:
        execution: how the platform's scorer was executed.
        report: the result; None if it could not be executed here.
    """

    execution: Execution
    report: ProbeReport | None

    @property
    def state(self) -> str:
        """How it was tested: "tested natively", "tested by emulation (qemu-aarch64 7.2.22)", or "untested"."""
        return UNTESTED if self.report is None else f"tested {self.execution.how}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data for a JSON file."""
        if self.report is None:
            return {"state": self.state, "passed": None, "reason": self.execution.problem}
        names = ("passed", "reason", "rows", "sessions", "items", "max_difference", "start_ms", "rss_bytes")
        return {"state": self.state} | {name: getattr(self.report, name) for name in names}


def probe_platforms(
    layout: Path, sample: ProbeSample, *, digest: str, workdir: Path, env: Mapping[str, str]
) -> dict[str, PlatformReport]:
    """Start each platform's scorer and compare its results with Spark's.

    Args:
        layout: the image layout written by `image.build`.
        sample: rows and sessions with Spark's results; every platform gets all of them.
        digest: digest of the built image; an image with another digest is not started.
        workdir: a private folder.
        env: variables of the processes, such as the accepted public keys.

    Returns:
        Architecture -> report.

    Raises:
        ProbeError: the layout contains another image.
        BundleError: the layout is damaged.
    """
    reports = {}
    for arch in architectures(layout):
        folder = workdir / arch
        how = _execution(layout, digest, arch, folder)
        report = None
        if not how.problem:
            report = probe(layout, sample, digest=digest, workdir=folder, env=env, execution=how)
        reports[arch] = PlatformReport(how, report)
    return reports


def _execution(layout: Path, digest: str, arch: str, folder: Path) -> Execution:
    """Return how a platform is executed here. Only another one than this machine's is tried with its scorer, which
    takes an unpacked image."""
    if arch == host_architecture():
        return native()
    return execution(arch, unpack_built(layout, digest, folder / "trial", arch).root / "scorer")
