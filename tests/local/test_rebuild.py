"""What `leapline rebuild` compares; tests/e2e/test_bucket.py rebuilds a model."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import RebuildError
from leapline.local.rebuild import (
    MANIFEST,
    ModelRecord,
    describe,
    image_differences,
    read_record,
    require_same_code,
    scratch_settings,
)
from leapline.records.provenance import provenance
from leapline.runtime.lineage import code_version, libraries
from leapline.settings import Settings

FIRST, DAY = "2026-03-01", "2026-03-02"


def archive(training_days: list[str], **changed: Any) -> dict[str, bytes]:
    manifest = {
        "data_day": DAY,
        "training_days": training_days,
        "code_version": code_version(),
        "libraries": libraries(),
    }
    return {MANIFEST: json.dumps(manifest | changed).encode(), "root/model.json": b"{}"}


def record(settings: Settings, tmp_path: Path, **changed: Any) -> ModelRecord:
    (tmp_path / "scorer").write_text("x")
    entries = archive([FIRST], **changed)
    events = {FIRST: "aa", DAY: None}
    predicate = provenance(settings, json.loads(entries[MANIFEST]), events, {"amd64": tmp_path / "scorer"})
    return ModelRecord(entries, "0" * 64, json.loads(json.dumps(predicate)))


def test_record_has_days_settings_and_events(tmp_path: Path) -> None:
    model = record(Settings(seed=5), tmp_path)
    assert model.days == [date(2026, 3, 1), date(2026, 3, 2)]
    assert model.settings["seed"] == 5
    assert model.events == {FIRST: "aa", DAY: None}


def test_settings_of_the_record_are_used_in_a_home_of_its_own(tmp_path: Path) -> None:
    here = Settings(home=tmp_path / "lake", seed=7, signing="required", roc_auc_threshold=0.99)
    scratch = scratch_settings(here, record(Settings(seed=5, roc_auc_threshold=0.7), tmp_path), tmp_path / "scratch")
    assert (scratch.seed, scratch.roc_auc_threshold) == (5, 0.7)
    assert (scratch.home, scratch.landing, scratch.signing) == (
        tmp_path / "scratch",
        str(tmp_path / "lake/landing"),
        "off",
    )
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "file").touch()
    with pytest.raises(RebuildError, match="expected an empty or new folder"):
        scratch_settings(here, record(Settings(), tmp_path), tmp_path / "scratch")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"code_version": "0.0.9+abc"}, r"found here code 0\.\d+"),
        ({"libraries": libraries() | {"numpy": "1.0"}}, "numpy"),
    ],
)
def test_other_code_or_libraries_are_named_before_anything_runs(changed: Any, found: str, tmp_path: Path) -> None:
    with pytest.raises(RebuildError, match=found):
        require_same_code("m1", record(Settings(), tmp_path, **changed))
    require_same_code("m1", record(Settings(), tmp_path))


def test_each_cause_of_a_difference_is_named(tmp_path: Path) -> None:
    model = record(Settings(seed=5), tmp_path)
    entries = archive([FIRST, DAY]) | {"more": b""}
    assert describe(model, Settings(seed=6), entries, {FIRST: "bb", DAY: "cc"}) == [
        f"Training days: {FIRST}, {DAY} instead of {FIRST}.",
        f"Events of {FIRST}: other content. Some came later, were removed or erased, or the pseudonym key differs.",
        "Setting seed: 6 instead of 5.",
        f"Files of the archive that differ: {MANIFEST}, more.",
    ]
    unknown = ModelRecord(archive([FIRST]), "0" * 64, {})
    assert describe(unknown, Settings(), archive([FIRST]) | {"more": b""}, {}) == [
        "The model has no provenance, so its settings and events are unknown.",
        "Files of the archive that differ: more.",
    ]


def test_rebuilt_image_has_the_platforms_of_the_record(tmp_path: Path) -> None:
    """Whatever this machine can execute: nothing is published."""
    here = Settings(home=tmp_path, docker_images="arm64", platforms="arm64")
    scratch = scratch_settings(here, record(Settings(), tmp_path), tmp_path / "scratch")
    assert (scratch.platforms, scratch.publish_untested, scratch.docker_images) == ("amd64", True, "")
    unknown = ModelRecord(archive([FIRST]), "0" * 64, {})
    assert scratch_settings(here, unknown, tmp_path / "scratch").platforms == "arm64"


def test_rebuilt_image_is_signed_where_the_key_is(tmp_path: Path) -> None:
    model = record(Settings(), tmp_path)
    signing = Settings(home=tmp_path, signing="required", signing_key_file=tmp_path / "key.pem")
    assert scratch_settings(signing, model, tmp_path / "scratch").signing == "auto"


def test_cause_of_another_image_is_named(tmp_path: Path) -> None:
    model = record(Settings(), tmp_path)
    assert image_differences(model, model.provenance) == [
        "Image: it is signed by another key than here, or only one of both images is signed."
    ]
    (tmp_path / "scorer").write_text("another")
    both = {"amd64": tmp_path / "scorer", "arm64": tmp_path / "scorer"}
    other = provenance(Settings(), json.loads(model.entries[MANIFEST]), {}, both)
    [text] = image_differences(model, other)
    assert text.startswith("Image: another scorer for linux/amd64, linux/arm64")


def test_model_in_the_lake_needs_no_registry(tmp_path: Path) -> None:
    from leapline.bundle.archive import write_entries
    from leapline.storage import Lake

    settings = Settings(home=tmp_path)
    with Lake(tmp_path).attempt("models", f"{DAY}-0123456789ab") as out:
        digest = write_entries(out / "model.zip", archive([FIRST]))
    assert read_record(settings, f"{DAY}-0123456789ab", tmp_path / "work").sha256 == digest
