"""Write the evaluated model to an archive, and build the image from archive and scorer on disk, without publishing.

With a signing key, the archive's signature is a file next to it, in the lake and in the image.

A platform whose scorer cannot be executed here is left out of the image, unless the setting `publish_untested` is on.

The architectures of the setting `docker_images` get an image in Docker's format too, with the same layers.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from leapline.bundle.archive import read_entries, write_entries
from leapline.evaluation.item_rules import ItemLimits, is_measurable
from leapline.evaluation.verdict import Verdict, without_champion
from leapline.records import binding, model_record, verdicts
from leapline.records.provenance import provenance
from leapline.runtime.context import RunContext
from leapline.runtime.lineage import code_version, libraries
from leapline.runtime.software import bill_of_materials
from leapline.runtime.step import main
from leapline.serving import image, image_platforms
from leapline.serving.docker_image import FOLDER as DOCKER_FOLDER
from leapline.serving.docker_image import convert
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.model_signature import FILE as SIGNATURE
from leapline.signing.model_signature import sign_archive
from leapline.storage import json_bytes, lake_of, read_json, write_bytes, write_json

METRICS = (
    "examples",
    "positives",
    "roc_auc",
    "roc_auc_interval",
    "average_precision",
    "average_precision_interval",
    "log_loss",
    "brier",
    "calibration_error",
)
MANIFEST, FEATURES, FOLDER = "leapline/manifest.json", "leapline/features.json", "leapline/"


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Build archive and image. The same days, settings and code produce the same bytes.

    Data that depends on anything else, such as the comparison with the current champion, is not in the archive but in
    the files next to the published model.

    Raises:
        NotInLakeError: the day has no candidate, evaluation or verdict.
        InputChangedError: candidate or evaluation have changed since the verdict.
        SettingsError: signatures are required and there is no key, the key is damaged, or an image in Docker's format
            is asked for, for a platform that is left out.
        ToolMissingError: a scorer binary is missing.
    """
    lake, key = lake_of(settings), key_ring(settings).signing_key()
    candidate, evaluation = lake.current("candidates", context.day), lake.current("evaluations", context.day)
    inputs = binding.checked_inputs(lake, "verdicts", context.day)
    verdict = without_champion(Verdict.from_dict(verdicts.gate_verdict(lake, context.day)))
    metrics = read_json(evaluation / "metrics.json")
    document = manifest(context.day, read_json(candidate / "training.json"), metrics, verdict.as_dict())
    document |= {"items": items_manifest(candidate / "items", metrics["items"], verdicts.item_limits(settings))}
    cards = model_record.cards(model_record.read(lake, context.day), verdict, links=False)
    platforms = image_platforms.choose(settings)
    with lake.attempt("packages", context.day) as out:
        entries = read_entries(candidate / "model.zip") | {
            MANIFEST: json_bytes(document),
            FEATURES: (candidate / "features.json").read_bytes(),
            **{FOLDER + name: content for name, content in cards.items()},
            **(item_entries(candidate / "items") if document["items"] else {}),
        }
        sha256 = write_entries(out / "model.zip", entries)
        model_id = f"{context.day.isoformat()}-{sha256[:12]}"
        if key:
            write_bytes(out / SIGNATURE, sign_archive(sha256, key))
        info = _build_image(platforms.scorers, out, model_id, context.day)
        docker = {
            arch: convert(out / "image", arch, out / DOCKER_FOLDER / arch) for arch in settings.docker_architectures
        }
        summary = {
            "model_id": model_id,
            "archive": lake.address(out, "model.zip"),
            "archive_sha256": sha256,
            "archive_bytes": (out / "model.zip").stat().st_size,
            "signed_by": key.public.key_id if key else None,
            "image_layout": lake.address(out, "image"),
            "image_digest": info.index_digest,
            "image_bytes": info.size_bytes,
            "left_out": dict(platforms.left_out),
            "docker_images": {
                arch: {"tag": built.tag, "digest": built.digest, "bytes": built.size_bytes}
                for arch, built in docker.items()
            },
        }
        write_json(out / "manifest.json", document)
        write_json(out / "sbom.json", bill_of_materials(model_id, sha256, platforms.scorers))
        events = read_json(candidate / "training.json").get("events", {})
        write_json(out / "provenance.json", provenance(settings, document, events, platforms.scorers))
        write_json(out / "package.json", summary)
        binding.seal(lake, out, inputs)
    return summary


def manifest(day: date, training: dict[str, Any], metrics: dict[str, Any], verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the archive's manifest, which contains no current time, paths or personal data."""
    return {
        "manifest_version": 1,
        "label": "buy",
        "data_day": day.isoformat(),
        "training_days": training["days"],
        "code_version": code_version(),
        "libraries": libraries(),
        "metrics": {name: metrics[name] for name in METRICS},
        "verdict": verdict,
        "threshold": training["threshold"],
        "calibration": training["calibration"],
        "parent": None,
    }


def items_manifest(folder: Path, metrics: dict[str, Any] | None, limits: ItemLimits) -> dict[str, Any] | None:
    """Return the manifest of the item model; None without one, or if too few pairs were bought to judge it."""
    if not metrics or not is_measurable(metrics["positives"], limits):
        return None
    training = read_json(folder / "training.json")
    numbers = {name: metrics[name] for name in (*METRICS, "first_is_bought")}
    return {"metrics": numbers, "threshold": training["threshold"], "calibration": training["calibration"]}


def item_entries(folder: Path) -> dict[str, bytes]:
    """Return the archive entries of the item model: a bundle and its feature spec."""
    entries = read_entries(folder / "model.zip") | {"features.json": (folder / "features.json").read_bytes()}
    return {f"{FOLDER}items/{name}": content for name, content in entries.items()}


def _build_image(scorers: Mapping[str, Path], out: Path, model_id: str, day: date) -> image.ImageInfo:
    labels = {image.LABEL + "revision": code_version(), image.LABEL + "licenses": "Apache-2.0"}
    end_of_day = datetime.combine(day + timedelta(days=1), time(), UTC)
    signature = out / SIGNATURE
    return image.build(
        out / "model.zip", scorers, out / "image", model_id=model_id, labels=labels, created=end_of_day,
        signature=signature if signature.exists() else None,
    )  # fmt: skip


if __name__ == "__main__":
    main("package", run)
