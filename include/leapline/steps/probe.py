"""Start the packaged image, compare its answers with Spark's, and write the final verdict.

A signed image is started with the public keys, so that an image whose signature is missing or wrong is refused.
"""

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from leapline.evaluation.rules import Rule, at_most, below, refuse
from leapline.evaluation.verdict import Verdict, conclude
from leapline.features import spec as specs
from leapline.modelling import probe_sample
from leapline.records import binding, history, model_record, verdicts
from leapline.records.loosened import with_notes
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.serving.probe import ProbeReport, ProbeSample, probe
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
        report = probe(package / "image", sample, digest=digest, workdir=Path(folder), env=keys)
    gate = lake.current("verdicts", context.day)
    own_rules = with_notes(_rules(settings, report), settings, context.person)
    verdict = conclude([*Verdict.from_dict(read_json(gate / verdicts.FILE)).rules, *own_rules])
    record = model_record.read(lake, context.day)
    result = verdicts.result_of(verdict.passed, context.backfill)
    summary = report.to_dict() | {
        "passed": verdict.passed,
        "sentence": _sentence(report, verdict),
        "result": result,
        "image_digest": digest,
    }
    with lake.attempt("probes", context.day) as out:
        write_json(out / "probe.json", summary)
        document = verdicts.verdict_document(verdict, context, record.champion, result)
        write_json(out / verdicts.FILE, document | {"gate": gate.name, "image": digest})
        model_record.write_cards(out, record, verdict, images=_images(packed))
        binding.seal(lake, out, inputs)
    history.write(settings)
    return summary


def _images(packed: dict[str, Any]) -> dict[str, str]:
    """Return the digests of the package's images, as the model card lists them."""
    docker = packed.get("docker_images", {})
    return {"image": packed["image_digest"]} | {
        f"image in Docker's format, {arch}": built["digest"] for arch, built in docker.items()
    }


def _sample(settings: Settings, lake: Lake, day: date) -> ProbeSample:
    evaluation = lake.current("evaluations", day)
    rows = read_json(evaluation / probe_sample.ROWS)
    spec = specs.load(lake.current("candidates", day) / "features.json")
    manifest = read_json(lake.current("packages", day) / "manifest.json")
    sessions = probe_sample.read_sample(evaluation, spec.columns, manifest)
    return ProbeSample(rows["rows"], rows["expected"], settings.probe_tolerance, sessions)


def _rules(settings: Settings, report: ProbeReport) -> list[Rule]:
    """Return the rules of the image."""
    noun = f"greatest difference between image and Spark on {report.rows} rows and {_sessions(report)}"
    if report.passed:
        parity = at_most("probe_parity", report.max_difference, settings.probe_tolerance, noun)
    else:
        parity = refuse("probe_parity", f"at most {settings.probe_tolerance:g}", report.reason)
    p99 = report.p99_us / 1e3 if report.p99_us is not None else None
    latency = "p99 latency of one-row requests to the image, ms"
    return [parity, below("probe_latency", p99, settings.max_latency_ms, latency, "it is too slow", report.reason)]


def _sentence(report: ProbeReport, verdict: Verdict) -> str:
    if not verdict.passed:
        return f"{verdict.summary} Nothing was pushed."
    return (
        f"The image reproduces Spark's probabilities on {report.rows:,} rows, and Spark's features on "
        f"{_sessions(report)} (greatest difference {report.max_difference:.1e}); it starts in "
        f"{report.start_ms:.0f} ms, p99 latency {(report.p99_us or 0) / 1e3:.2f} ms."
    )


def _sessions(report: ProbeReport) -> str:
    return f"{report.sessions:,} sessions" + (f" with {report.items:,} items" if report.items else "")


if __name__ == "__main__":
    main("probe", run)
