"""The champion is scored without executing anything of its image."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leapline.deployment.factory import ledger_of, registry
from leapline.errors import AccessDeniedError, BundleError, RegistryError
from leapline.features import spec as specs
from leapline.modelling import champion_scores
from leapline.modelling.champion_scores import PulledChampion, pulled_champion, score_archive
from leapline.promotion.ledger import Entry
from leapline.serving import image as images
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from tests.conftest import ROOT
from tests.fakes.registry_proxy import Fault, RegistryProxy
from tests.lakes import make_champion
from tests.serving.conftest import registry_address, registry_binary, repository

__all__ = ["registry_address", "registry_binary", "repository"]
BUNDLE = ROOT / "include" / "scorer" / "testdata" / "buy"


@pytest.fixture
def settings(tmp_path: Path, registry_address: str, repository: str) -> Settings:
    if not (ROOT / ".local/scorer/linux-amd64/scorer").exists():
        pytest.skip("TOOLS ABSENT: `make setup` compiles the scorer")
    return Settings(home=tmp_path / "lake", tools=ROOT / ".local", registry=registry_address, repository=repository)


def archive(folder: Path) -> Path:
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w") as out:
        for file in sorted(BUNDLE.rglob("*.json")):
            if file.name != "manifest.json":
                out.writestr(str(file.relative_to(BUNDLE)), file.read_text())
        manifest = json.loads((BUNDLE / "leapline" / "manifest.json").read_text())
        out.writestr("leapline/manifest.json", json.dumps(manifest | {"training_days": ["2026-02-28"]}))
    return path


def push_champion(settings: Settings, folder: Path, model: Path, scorer: Path) -> None:
    """Push an image with that model and scorer, and tag it `champion`."""
    scorers = dict.fromkeys(("amd64", "arm64"), scorer)
    created = pd.Timestamp("2026-03-02", tz="UTC").to_pydatetime()
    images.build(model, scorers, folder / "image", model_id="2026-03-01-hostile", labels={}, created=created)
    registry(settings).push(folder / "image", "m1")
    make_champion(settings, index_digest(folder / "image"))


def test_hostile_image_is_scored_without_being_started(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both the entrypoint and the scorer in the image would leave a marker."""
    marker = tmp_path / "marker"
    scorer = tmp_path / "scorer"
    scorer.write_text(f"#!/bin/sh\ntouch {marker}\n")
    monkeypatch.setattr(images, "ENTRYPOINT", ["/bin/sh", "-c", f"env > {marker}; exec /scorer serve /model.zip"])
    push_champion(settings, tmp_path, archive(tmp_path), scorer)
    monkeypatch.undo()
    with pulled_champion(settings) as champion:
        assert champion is not None
        columns = {column: [0.0] for column in champion.spec.numeric} | {c: [""] for c in champion.spec.categorical}
        rows: Any = pd.DataFrame({**columns, "x0": [0.0], "colour": ["red"]})[list(champion.spec.columns)]
        scores = score_archive(settings, champion, rows)
        assert sorted(path.name for path in champion.archive.parent.iterdir()) == ["image", "model.zip"]
    assert scores.between(0, 1).all()
    assert not marker.exists()


def test_scores_do_not_depend_on_the_size_of_blocks(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = specs.loads((BUNDLE / "leapline" / "features.json").read_bytes(), "the spec")
    champion = PulledChampion("sha256:00", "m1", spec, [], archive(tmp_path))
    columns = {name: [0.0] * 7 for name in spec.numeric} | {name: [""] * 7 for name in spec.categorical}
    rows = pd.DataFrame({**columns, "x0": np.linspace(-2, 2, 7), "colour": ["red", "blue"] * 3 + ["red"]})
    rows = rows[list(spec.columns)].set_index(pd.Index(range(100, 107)))
    at_once = score_archive(settings, champion, rows)
    monkeypatch.setattr(champion_scores, "_BLOCK_ROWS", 3)
    in_blocks = score_archive(settings, champion, rows)
    pd.testing.assert_series_equal(at_once, in_blocks, check_exact=True)
    assert at_once.nunique() > 2, "the rows differ"
    assert list(in_blocks.index) == list(range(100, 107))


def test_image_without_a_readable_archive_is_rejected(settings: Settings, tmp_path: Path) -> None:
    model, scorer = tmp_path / "model.zip", tmp_path / "scorer"
    model.write_text("not a model")
    scorer.write_text("x")
    push_champion(settings, tmp_path, model, scorer)
    with pytest.raises(BundleError), pulled_champion(settings):
        pass


def test_denied_access_counts_as_no_champion_before_the_first_promotion_only(
    settings: Settings, registry_address: str
) -> None:
    with RegistryProxy(registry_address) as proxy:
        proxy.faults += [Fault(method, "/manifests/", status=403, times=100) for method in ("HEAD", "GET")]
        proxy.faults.append(Fault("GET", "/tags/list", status=403, times=100))
        denied = settings.model_copy(update={"registry": proxy.address})
        with pulled_champion(denied) as champion:
            assert champion is None
        entry = Entry("2026-03-02", "a", "b", "r", "promote", "champion", "2026-03-01-x", None, "sha256:1")
        ledger_of(settings).append(entry)
        with pytest.raises(AccessDeniedError, match="403"), pulled_champion(denied):
            pass


def test_registry_failure_is_not_a_missing_champion(settings: Settings, registry_address: str) -> None:
    gone = settings.model_copy(update={"registry": "127.0.0.1:1"})
    with pytest.raises(RegistryError, match="no answer"), pulled_champion(gone):
        pass
