"""A day written by hand whose package, with images in Docker's format, has passed its probe."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from leapline.records import binding
from leapline.serving.docker_image import convert
from leapline.serving.image import build
from leapline.storage import Lake, write_json
from tests.lakes import current_of

DAY = date(2026, 3, 1)
MODEL = "2026-03-01-0123456789ab"
CHAMPION = "2026-02-28-0123456789ab"
"""The model of the day before, in tests that have one."""
METRICS = {"roc_auc": 0.9, "roc_auc_interval": [0.88, 0.92], "average_precision": 0.5}
PROVENANCE = {"buildDefinition": {"buildType": "test"}}
PLATFORMS = {
    "amd64": {"state": "tested natively", "passed": True},
    "arm64": {"state": "untested", "passed": None},
}
CHAIN = ("candidates", "evaluations", "verdicts")
NO_CHAMPION: Final[Mapping[str, Any]] = {"state": "none", "model_id": None, "digest": None}


def write_packaged_day(
    lake: Lake, work: Path, champion: Mapping[str, Any] = NO_CHAMPION, docker: Sequence[str] = ("amd64", "arm64")
) -> None:
    """Write the results of the steps up to the probe.

    Args:
        lake: gets them.
        work: a folder for other files.
        champion: with which the verdict compares.
        docker: architectures that also get an image in Docker's format.
    """
    inputs = dict[str, str]()
    for name in CHAIN:
        with lake.attempt(name, DAY) as out:
            (out / "plots").mkdir()
            (out / "plots" / "roc_auc.svg").write_text("<svg/>")
            for file in ("metrics.json", "champion.json", "verdict.json"):
                write_json(out / file, METRICS)
            binding.seal(lake, out, inputs)
        inputs = binding.checked_inputs(lake, name, DAY)
    with lake.attempt("packages", DAY) as out:
        packed = _write_package(out, work, docker)
        binding.seal(lake, out, inputs)
    inputs = binding.checked_inputs(lake, "packages", DAY)
    with lake.attempt("probes", DAY) as out:
        verdict = {"passed": True, "summary": "Passed.", "result": "published", "rules": [], "champion": dict(champion)}
        gate = lake.current("verdicts", DAY).name
        write_json(out / "verdict.json", verdict | {"gate": gate, "image": packed["image_digest"]})
        for file in ("card.md", "card.html"):
            write_json(out / file, {})
        write_json(out / "probe.json", {"platforms": PLATFORMS})
        binding.seal(lake, out, inputs)


def _write_package(out: Path, work: Path, architectures: Sequence[str]) -> dict[str, Any]:
    """Write what the step `package` writes."""
    write_json(out / "provenance.json", PROVENANCE)
    (out / "model.zip").write_text("a model")
    (work / "scorer").write_text("#!/bin/sh\n")
    scorers = dict.fromkeys(("amd64", "arm64"), work / "scorer")
    created = datetime(2026, 3, 2, tzinfo=UTC)
    info = build(out / "model.zip", scorers, out / "image", model_id=MODEL, labels={}, created=created)
    docker = {arch: convert(out / "image", arch, out / "docker" / arch) for arch in architectures}
    images = {arch: {"tag": one.tag, "digest": one.digest, "bytes": one.size_bytes} for arch, one in docker.items()}
    packed = {
        "model_id": MODEL, "archive_sha256": "0", "image_digest": info.index_digest, "docker_images": images,
    }  # fmt: skip
    write_json(out / "package.json", packed)
    write_json(out / "manifest.json", {"metrics": METRICS})
    return packed


def reseal(lake: Lake) -> None:
    """Seal the changed package, and the probe of it, as if both had been written like this."""
    for name, before in (("packages", CHAIN), ("probes", (*CHAIN, "packages"))):
        inputs = {dataset: binding.digest_of(lake, lake.current(dataset, DAY)) for dataset in before}
        binding.seal(lake, current_of(lake, name, DAY), inputs)
