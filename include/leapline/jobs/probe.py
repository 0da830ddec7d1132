"""Start the very image that would be pushed, and hold its answers against Spark's."""

import tempfile
from pathlib import Path
from typing import Any

from leapline.jobs.run import Run, main
from leapline.serving.probe import ProbeReport, probe
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Send holdout rows through the image; a difference or a crash is a refusal, told in the summary.

    Raises:
        NotInLakeError: nothing was packaged for that day.
    """
    lake = Lake(settings.home)
    package = lake.current("packages", run.day)
    sample = read_json(lake.current("evaluations", run.day) / "probe_rows.json")
    with tempfile.TemporaryDirectory(prefix="leapline-probe-") as work:
        report = probe(
            package / "image",
            sample["rows"],
            sample["expected"],
            tolerance=settings.probe_tolerance,
            workdir=Path(work),
        )
    summary = report.to_dict() | {
        "sentence": _sentence(report),
        "image_digest": read_json(package / "package.json")["image_digest"],
    }
    with lake.attempt("probes", run.day) as out:
        write_json(out / "probe.json", summary)
    return summary


def _sentence(report: ProbeReport) -> str:
    if not report.passed:
        return f"Refused: {report.reason}. Nothing was pushed."
    return (
        f"The image gives Spark's probability on {report.rows} rows (greatest difference {report.max_difference:.1e}); "
        f"first answer after {report.start_ms:.0f} ms, p99 {report.p99_us:.0f} us."
    )


if __name__ == "__main__":
    main("probe", run)
