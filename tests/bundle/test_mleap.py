"""Canonical form of bundles written by MLeap."""

from dataclasses import replace
from pathlib import Path

from leapline.bundle import diff, read
from leapline.bundle.mleap import canonical
from leapline.bundle.writer import save


def test_canonical_bundle_keeps_the_model(goldens: Path, tmp_path: Path) -> None:
    for extension in ("json", "pb"):
        golden = goldens / "rf_imputer" / f"bundle.{extension}.zip"
        bundle = canonical(
            read(golden),
            format="protobuf",
            name="nightly",
            timestamp="2026-11-24T00:00:00",
            extra={"leapline/x.json": b"1"},
        )
        ours = tmp_path / f"{extension}.zip"
        save(bundle, ours)
        assert diff(golden, ours)["stages"] == []
    names = [n.name for n in read(ours).root.walk()]
    assert names[:3] == ["nightly", "string_indexer_0", "string_indexer_1"]
    assert names[-1] == "random_forest_classifier_6"
    assert (tmp_path / "json.zip").read_bytes() == (tmp_path / "pb.zip").read_bytes()


def test_canonical_bytes_do_not_depend_on_uid_and_time(goldens: Path, tmp_path: Path) -> None:
    once = read(goldens / "gbt_classifier" / "bundle.pb.zip")
    again = replace(
        once, uid="e110f3db-7d09-47d9-90e8-504645f5d52d", timestamp="2031-01-01T00:00:00", name="PipelineModel_1"
    )
    shas = {
        save(canonical(b, format="json", name="m", timestamp="2026-11-24T00:00:00"), tmp_path / "m.zip")
        for b in (once, again)
    }
    assert len(shas) == 1
