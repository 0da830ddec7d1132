"""Push the probed image under its model id, verify the image in the registry, and store the model's files.

With a signing key, the image is signed, and its provenance and software are attached to it.
"""

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from leapline.deployment.factory import more_registries, registry
from leapline.deployment.signatures import PREDICATES, sign_image
from leapline.errors import ProbeError
from leapline.privacy.exclusions import require_no_erasure_since, unchanged_exclusions
from leapline.records import binding, verdicts
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.serving.docker_image import FOLDER, converted_digest
from leapline.serving.layout import architectures, index_digest
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.model_signature import FILE as SIGNATURE
from leapline.storage import Folder, Lake, lake_of, read_json, write_json


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Push the image unless the registry already has it, and store the model's files in the lake.

    Raises:
        ProbeError: the image was not probed, or was refused.
        InputChangedError: candidate, evaluation, verdict or package have changed since the probe; or visitors were
            erased since the training.
        ErasedMeanwhileError: visitors were erased meanwhile.
        SettingsError: signatures are required and there is no key, or the key is damaged.
        RegistryError: the image was not pushed, or the registry returns another image; no tag was moved.
    """
    lake = lake_of(settings)
    with unchanged_exclusions(lake):
        require_no_erasure_since(lake, context.day)
        return _publish(settings, context, lake)


def _publish(settings: Settings, context: RunContext, lake: Lake) -> dict[str, Any]:
    key = key_ring(settings).signing_key()
    inputs = _require_passed_probe(lake, context.day)
    package = lake.current("packages", context.day)
    packed = read_json(package / "package.json")
    targets = [registry(settings), *more_registries(settings)]
    pushed = [_push(target, package / "image", packed["model_id"], packed["image_digest"]) for target in targets]
    docker = {
        arch: built | {"pushed": True in [_publish_docker(target, package, arch, built) for target in targets]}
        for arch, built in packed.get("docker_images", {}).items()
    }
    if key:
        for target in targets:
            sign_image(target, packed["image_digest"], _predicates(package), key)
    metrics = read_json(package / "manifest.json")["metrics"]
    summary = {
        "model_id": packed["model_id"],
        "data_day": context.day.isoformat(),
        "image": settings.image,
        "more_images": settings.more_images,
        "tag": packed["model_id"],
        "digest": packed["image_digest"],
        "archive_sha256": packed["archive_sha256"],
        "pushed": any(pushed),
        "docker_images": docker,
        "platforms": {arch: platform["state"] for arch, platform in _platforms(lake, context.day).items()},
        "left_out": packed.get("left_out", {}),
        "signed_by": key.public.key_id if key else None,
        "metrics": metrics,
        "inputs": inputs,
        "parent": read_json(lake.current("probes", context.day) / "verdict.json")["champion"]["model_id"],
    }
    _keep_files(lake, context.day, package, summary)
    return summary


def _require_passed_probe(lake: Lake, day: date) -> dict[str, str]:
    """Raise an error unless the image passed the probe and its inputs are unchanged since.

    Returns:
        The digests of the inputs of the verdict, by dataset.
    """
    binding.require_own_content(lake, day, "verdicts", "packages", "probes")
    verdict = verdicts.effective_verdict(lake, day)
    if not verdict["passed"]:
        raise ProbeError(
            f"candidate of {day}",
            found=verdict["summary"],
            expected="a passed verdict",
            fix=f"Nothing was pushed. `leapline gate --date {day}` lists each rule.",
        )
    if "gate" not in verdict:
        raise ProbeError(
            f"candidate of {day}",
            found="a verdict of the gate without a probe",
            expected="a passed probe of this verdict's image",
            fix=f"Run `leapline package --date {day}` and `leapline probe --date {day}`.",
        )
    inputs = binding.checked_inputs(lake, "probes", day)
    image = index_digest(lake.current("packages", day) / "image")
    _require_executed(day, architectures(lake.current("packages", day) / "image"), _platforms(lake, day))
    if image != verdict["image"]:
        raise ProbeError(
            f"image {image}",
            found=f"a probe of {verdict['image']}",
            expected="a passed probe of this image",
            fix=f"Run `leapline probe --date {day}` again.",
        )
    return inputs


def _platforms(lake: Lake, day: date) -> dict[str, Any]:
    """Return what the probe has recorded about each platform, by architecture."""
    platforms: dict[str, Any] = read_json(lake.current("probes", day) / "probe.json").get("platforms", {})
    return platforms


def _require_executed(day: date, built: list[str], probed: dict[str, Any]) -> None:
    """Raise an error unless the probe has a result for every platform of the image.

    The result of a platform without an emulator is "untested"; the probe's verdict decides whether that is allowed.
    """
    missing = [f"linux/{arch}" for arch in built if probed.get(arch, {"passed": False})["passed"] is False]
    if missing:
        raise ProbeError(
            f"candidate of {day}",
            found=f"no passed probe of {', '.join(missing)}",
            expected="every platform of the image executed before it is published",
            fix=f"Run `leapline probe --date {day}` again.",
        )


def _predicates(package: Folder) -> dict[str, Any]:
    """Return the statements about the image besides its signature, by kind."""
    return {kind: read_json(package / name) for kind, name in PREDICATES.items() if (package / name).exists()}


def _publish_docker(target: Registry, package: Folder, arch: str, built: dict[str, Any]) -> bool:
    """Push an image in Docker's format; one that is not made from the probed image is rejected.

    Returns:
        Whether something was sent.
    """
    expected = converted_digest(package / "image", arch)
    if built["digest"] != expected:
        raise ProbeError(
            f"image {built['tag']}",
            found=built["digest"],
            expected=f"{expected}, which has the layers of the probed image",
            fix="Run `leapline package` and `leapline probe` again.",
        )
    return _push(target, package / FOLDER / arch, built["tag"], built["digest"])


def _push(target: Registry, layout: Path, tag: str, digest: str) -> bool:
    """Push an image, and verify what the registry has; return whether something was sent."""
    pushed = target.push(layout, tag, digest=digest)
    with tempfile.TemporaryDirectory(prefix="leapline-pull-") as work:
        target.verify(layout, digest, Path(work))
    return pushed


def _keep_files(lake: Lake, day: date, package: Folder, summary: dict[str, Any]) -> None:
    evaluation, probed = lake.current("evaluations", day), lake.current("probes", day)
    with lake.attempt("models", summary["model_id"]) as out:
        for folder, names in (
            (package, ("model.zip", "manifest.json")),
            (evaluation, ("metrics.json", "champion.json")),
            (probed, ("verdict.json", "card.md", "card.html", "probe.json")),
        ):
            for name in names:
                shutil.copy2(folder / name, out)
        for name in (SIGNATURE, *PREDICATES.values()):
            if (package / name).exists():
                shutil.copy2(package / name, out)
        shutil.copytree(evaluation / "plots", out / "plots")
        write_json(out / "publication.json", summary)
        binding.seal(lake, out, summary["inputs"])


if __name__ == "__main__":
    main("publish", run)
