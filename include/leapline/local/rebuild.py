"""Rebuild a published model from its events, and compare the archives byte for byte.

    record of the model (lake, or registry with a valid signature)
        -> settings of the record, code and libraries compared with those here
        -> the steps up to `package`, in a scratch home -> digest of the archive -> what differs, if it does

Reproduction needs the same landed events, pseudonym key, code and libraries. Events that arrived after the model was
made change their day, and with it the archive.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from leapline.bundle.archive import read_entries
from leapline.deployment.factory import registry, trust_of
from leapline.errors import NoEventsError, RebuildError
from leapline.privacy.exclusions import exclude, excluded_visitors
from leapline.records.provenance import model_settings
from leapline.runtime.context import RunContext, new_run_id
from leapline.runtime.lineage import code_version, libraries
from leapline.serving import referrers
from leapline.serving.layout import extract_file
from leapline.serving.referrers import Subject
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.storage import lake_of, read_json

STEPS: Final = ("extract", "check_events", "featurize", "train", "evaluate", "gate", "package")
"""The steps that determine an archive."""
MANIFEST: Final = "leapline/manifest.json"
Step = Callable[[str, date], None]


@dataclass(frozen=True)
class ModelRecord:
    """What is known about a published model.

    Attributes:
        entries: the files of its archive.
        sha256: of its archive.
        provenance: the predicate of its provenance; empty for models from before it existed.
        image: digest of its image; empty if it is not recorded.
    """

    entries: Mapping[str, bytes]
    sha256: str
    provenance: Mapping[str, Any]
    image: str = ""

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest in the archive."""
        document: dict[str, Any] = json.loads(self.entries[MANIFEST])
        return document

    @property
    def days(self) -> list[date]:
        """The training days, in order, and the data day."""
        return [date.fromisoformat(day) for day in (*self.manifest["training_days"], self.manifest["data_day"])]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the model was made with."""
        return dict(_definition(self.provenance).get("internalParameters", {}).get("settings", {}))

    @property
    def events(self) -> dict[str, str | None]:
        """Digest of the events' content by day."""
        parts = _definition(self.provenance).get("resolvedDependencies", ())
        days = [part for part in parts if part["name"].startswith("events/date=")]
        return {part["name"].partition("=")[2]: part.get("digest", {}).get("leaplineContent") for part in days}

    @property
    def platforms(self) -> list[str]:
        """The architectures of its image; empty without provenance."""
        return list(_scorers(self.provenance))


def rebuild(
    settings: Settings, model_id: str, *, since: date | None = None, home: Path | None = None,
    steps: Sequence[str] = STEPS, on_step: Step = lambda step, day: None,
) -> dict[str, Any]:  # fmt: skip
    """Rebuild a model in a scratch home.

    Args:
        settings: name the landed events, the pseudonym key, and the lake or the registry with the model.
        model_id: of a published model.
        since: the first day whose orders the installation had counted; days before the training days are extracted
            for their orders alone. That of this lake if None.
        home: an empty folder for the scratch lake, which is kept; None for a temporary one.
        steps: the steps to run.
        on_step: called before each step.

    Returns:
        `{"model_id", "expected", "rebuilt", "same", "image", "differences", "seconds"}`: the digests of both archives,
        and of both images, which are the same if also the scorers and the signing key are.

    Raises:
        RebuildError: code or libraries are others than those that made the model, or there is no record of it.
        LeaplineError: as the steps raise it.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="leapline-rebuild-") as work:
        record = read_record(settings, model_id, Path(work) / "record")
        require_same_code(model_id, record)
        scratch = scratch_settings(settings, record, home or Path(work) / "home")
        _run(settings, scratch, record, since, steps, on_step)
        lake, day = lake_of(scratch), record.days[-1]
        entries = read_entries(lake.copy(lake.current("packages", day)) / "model.zip")
        rebuilt = read_json(lake.current("packages", day) / "package.json")["archive_sha256"]
        events = read_json(lake.current("candidates", day) / "training.json").get("events", {})
        differences = [] if rebuilt == record.sha256 else describe(record, scratch, entries, events)
        image = read_json(lake.current("packages", day) / "package.json")["image_digest"]
        if not differences and image != record.image:
            differences = image_differences(record, read_json(lake.current("packages", day) / "provenance.json"))
    return {
        "model_id": model_id, "expected": record.sha256, "rebuilt": rebuilt, "same": rebuilt == record.sha256,
        "image": {"expected": record.image or None, "rebuilt": image, "same": image == record.image},
        "differences": differences, "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def read_record(settings: Settings, model_id: str, work: Path) -> ModelRecord:
    """Return the record of a model: from this lake, or from the registry if the lake has not published it.

    Raises:
        RebuildError: neither has the model.
        SignatureError: there are keys, and the image in the registry is not signed by one of them.
    """
    lake = lake_of(settings)
    if lake.has("models", model_id):
        folder = lake.copy(lake.current("models", model_id))
        provenance, publication = folder / "provenance.json", folder / "publication.json"
        image = read_json(publication)["digest"] if publication.exists() else ""
        return _record(folder / "model.zip", read_json(provenance) if provenance.exists() else {}, image)
    source = registry(settings)
    digest = source.digest(model_id)
    if digest is None:
        raise RebuildError(
            f"model {model_id}", found="neither a record in this lake nor an image in the registry",
            expected="a published model", fix="`leapline models` lists them.",
        )  # fmt: skip
    trust_of(settings).require(source, digest)
    extract_file(source.pull(digest, work / "image"), "model.zip", work / "model.zip")
    keys = key_ring(settings).accepted
    provenance_of = referrers.verify(source, Subject.read(source, digest), keys, "provenance") if keys else None
    return _record(work / "model.zip", provenance_of.predicate if provenance_of else {}, digest)


def _record(archive: Path, provenance: Mapping[str, Any], image: str) -> ModelRecord:
    return ModelRecord(read_entries(archive), hashlib.sha256(archive.read_bytes()).hexdigest(), provenance, image)


def require_same_code(model_id: str, record: ModelRecord) -> None:
    """Raise RebuildError if code or libraries here are not those that made a model: the archive names them."""
    here = {"code": code_version(), **libraries()}
    expected = {"code": record.manifest["code_version"], **record.manifest["libraries"]}
    if here != expected:
        names = sorted(name for name in expected.keys() | here.keys() if expected.get(name) != here.get(name))
        raise RebuildError(
            f"model {model_id}",
            found="here " + ", ".join(f"{name} {here.get(name, 'none')}" for name in names),
            expected=", ".join(f"{name} {expected.get(name, 'none')}" for name in names) + ", which made it",
            fix="Install that version of Leapline with its pinned requirements, and run it again.",
        )


def scratch_settings(settings: Settings, record: ModelRecord, home: Path) -> Settings:
    """Return the settings of the record, for a lake of its own in `home`.

    Settings that name a file stay those of this installation.

    Raises:
        RebuildError: `home` is not empty.
    """
    if home.exists() and any(home.iterdir()):
        raise RebuildError(
            f"folder {home}", found="files", expected="an empty or new folder", fix="Name another folder.",
        )  # fmt: skip
    recorded = {name: value for name, value in record.settings.items() if name in model_settings(settings)}
    files = ("event_mapping", "features", "item_features")
    landing = settings.landing or str(settings.landing_dir)
    alone = {
        "home": home,
        "lake": "",
        "landing": landing,
        "compare_champion": False,
        # Signatures are deterministic, so the same key results in the same image.
        "signing": "auto" if settings.signing_key or settings.signing_key_file else "off",
        "retention_days": 0,
        # The image gets the same platforms, whatever this machine can execute; nothing is published.
        "platforms": ",".join(record.platforms) or settings.platforms,
        "publish_untested": True,
        "docker_images": "",
    }
    return settings.model_copy(update={name: value for name, value in recorded.items() if name not in files} | alone)


def _run(
    settings: Settings, scratch: Settings, record: ModelRecord, since: date | None, steps: Sequence[str], on_step: Step
) -> None:
    run_id, data_day = new_run_id(), record.days[-1]
    if erased := excluded_visitors(lake_of(settings)):  # Their events may be read by no run, this one included.
        exclude(lake_of(scratch), erased, data_day)
    if "extract" in steps:
        alone = scratch.model_copy(update={"training_days": 0})
        for day in _days_for_orders(settings, record, since):
            on_step("extract", day)
            try:
                import_module("leapline.steps.extract").run(alone, RunContext(day, run_id))
            except NoEventsError:
                continue
    for step in steps:
        on_step(step, data_day)
        import_module(f"leapline.steps.{step}").run(scratch, RunContext(data_day, run_id, backfill=True))


def _days_for_orders(settings: Settings, record: ModelRecord, since: date | None) -> list[date]:
    """Return the days before the training days whose orders count, because an order counts once across days."""
    first = record.days[0]
    window = first - timedelta(days=settings.repeated_order_days)
    if since is None:
        return [day for day in lake_of(settings).days("orders") if window <= day < first]
    return [first - timedelta(days=n) for n in range((first - max(since, window)).days, 0, -1)]


def describe(
    record: ModelRecord, scratch: Settings, entries: Mapping[str, bytes], events: Mapping[str, str | None]
) -> list[str]:
    """Return why a rebuilt archive differs, one sentence per cause and at last the files that differ.

    Args:
        record: of the published model.
        scratch: settings of the rebuilt one.
        entries: files of the rebuilt archive.
        events: digest of the rebuilt events' content by day.
    """
    sentences, here = [], model_settings(scratch)
    rebuilt = json.loads(entries[MANIFEST])
    if rebuilt["training_days"] != record.manifest["training_days"]:
        days = ", ".join(record.manifest["training_days"])
        sentences.append(f"Training days: {', '.join(rebuilt['training_days'])} instead of {days}.")
    for day in sorted(day for day, digest in record.events.items() if digest and events.get(day) != digest):
        sentences.append(
            f"Events of {day}: other content. Some came later, were removed or erased, or the pseudonym key differs."
        )
    for name in sorted(name for name, value in record.settings.items() if here.get(name) != value):
        sentences.append(f"Setting {name}: {here.get(name)} instead of {record.settings[name]}.")
    if not record.provenance:
        sentences.append("The model has no provenance, so its settings and events are unknown.")
    names = sorted(n for n in entries.keys() | record.entries.keys() if entries.get(n) != record.entries.get(n))
    return [*sentences, f"Files of the archive that differ: {', '.join(names[:20])}."]


def image_differences(record: ModelRecord, provenance: Mapping[str, Any]) -> list[str]:
    """Return why a rebuilt image differs although the archive does not.

    Args:
        record: of the published model.
        provenance: of the rebuilt one.
    """
    before, here = _scorers(record.provenance), _scorers(provenance)
    others = [f"linux/{arch}" for arch in sorted(before.keys() | here.keys()) if before.get(arch) != here.get(arch)]
    if others:
        return [f"Image: another scorer for {', '.join(others)}, compiled by another version of Go or not recorded."]
    return ["Image: it is signed by another key than here, or only one of both images is signed."]


def _scorers(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return architecture -> digest of the scorer."""
    parts, prefix = _definition(provenance).get("resolvedDependencies", ()), "scorer/linux-"
    named = [part for part in parts if part["name"].startswith(prefix)]
    return {part["name"].removeprefix(prefix): part.get("digest") for part in named}


def _definition(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    definition: Mapping[str, Any] = provenance.get("buildDefinition", {})
    return definition
