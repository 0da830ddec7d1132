"""Start the packaged image on each of its platforms, compare its answers with Spark's, and write the final verdict.

Another platform than this machine's is started by an emulator (`leapline.serving.execution`).
A signed image is started with the public keys, so that an image whose signature is missing or wrong is refused.
"""

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from leapline.evaluation.verdict import Verdict, conclude
from leapline.features import spec as specs
from leapline.modelling import probe_sample
from leapline.records import binding, history, model_record, verdicts
from leapline.records.loosened import with_notes
from leapline.records.probe_rules import image_rules, sessions_of
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.serving.image_platforms import explain
from leapline.serving.platform_probe import PlatformReport, probe_platforms
from leapline.serving.platforms import host_architecture
from leapline.serving.probe import ProbeReport, ProbeSample
from leapline.serving.scorer_process import public_keys
from leapline.settings import Settings
from leapline.storage import Lake, lake_of, read_json, write_json


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Send holdout rows and sessions to the image; a difference or a crash refuses the candidate.

    Raises:
        NotInLakeError: nothing was packaged for that day.
        InputChangedError: the package, or what it was made of, has changed since.
        ProbeError: the packaged image is not the one that was built.
        SettingsError: the package is signed, and a key of the settings is damaged.
    """
    lake = lake_of(settings)
    inputs = binding.checked_inputs(lake, "packages", context.day)
    package = lake.current("packages", context.day)
    packed = read_json(package / "package.json")
    digest = packed["image_digest"]
    with tempfile.TemporaryDirectory(prefix="leapline-probe-") as folder:
        sample = _sample(settings, lake, context.day)
        keys = public_keys(settings) if packed.get("signed_by") else {}
        reports = probe_platforms(package / "image", sample, digest=digest, workdir=Path(folder), env=keys)
    gate = lake.current("verdicts", context.day)
    own_rules = with_notes(image_rules(settings, reports), settings, context.person)
    verdict = conclude([*Verdict.from_dict(read_json(gate / verdicts.FILE)).rules, *own_rules])
    record = model_record.read(lake, context.day)
    result = verdicts.result_of(verdict.passed, context.backfill)
    host = reports[host_architecture()]
    report = host.report or ProbeReport(False, host.execution.problem)
    summary = report.to_dict() | {
        "passed": verdict.passed,
        "sentence": _sentence(report, verdict, reports, packed.get("left_out", {})),
        "platforms": {arch: platform.to_dict() for arch, platform in reports.items()},
        "result": result,
        "image_digest": digest,
    }
    with lake.attempt("probes", context.day) as out:
        write_json(out / "probe.json", summary)
        document = verdicts.verdict_document(verdict, context, record.champion, result)
        write_json(out / verdicts.FILE, document | {"gate": gate.name, "image": digest})
        model_record.write_cards(out, record, verdict, images=_images(packed, reports))
        binding.seal(lake, out, inputs)
    history.write(settings)
    return summary


def _images(packed: dict[str, Any], reports: Mapping[str, PlatformReport]) -> dict[str, str]:
    """Return the digests of the package's images, and how each platform was tested, as the model card lists them."""
    docker = packed.get("docker_images", {})
    return (
        {"image": packed["image_digest"]}
        | {f"image for linux/{arch}": platform.state for arch, platform in reports.items()}
        | {f"image in Docker's format, {arch}": built["digest"] for arch, built in docker.items()}
    )


def _sample(settings: Settings, lake: Lake, day: date) -> ProbeSample:
    evaluation = lake.current("evaluations", day)
    rows = read_json(evaluation / probe_sample.ROWS)
    spec = specs.load(lake.current("candidates", day) / "features.json")
    manifest = read_json(lake.current("packages", day) / "manifest.json")
    sessions = probe_sample.read_sample(evaluation, spec.columns, manifest)
    return ProbeSample(rows["rows"], rows["expected"], settings.probe_tolerance, sessions)


def _sentence(
    report: ProbeReport, verdict: Verdict, reports: Mapping[str, PlatformReport], left_out: Mapping[str, str]
) -> str:
    if not verdict.passed:
        return f"{verdict.summary} Nothing was pushed."
    others = [f"linux/{arch}: {one.state}" for arch, one in sorted(reports.items()) if not one.execution.is_native]
    sentence = (
        f"The image reproduces Spark's probabilities on {report.rows:,} rows, and the features of the examples on "
        f"{sessions_of(report)} (greatest difference {report.max_difference:.1e}); it starts in "
        f"{report.start_ms:.0f} ms, p99 latency {(report.p99_us or 0) / 1e3:.2f} ms{''.join(f'; {o}' for o in others)}."
    )
    return " ".join(filter(None, [sentence, explain(left_out)]))


if __name__ == "__main__":
    main("probe", run)
