"""The best champion of the last days is pulled from a real registry and scored; the next one takes its place."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from leapline.deployment.factory import registry
from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.champion import ChampionComparison
from leapline.features import spec as specs
from leapline.modelling.best_champion import score_best_champion
from leapline.modelling.champion_scores import pulled_champion
from leapline.records import binding
from leapline.serving import image as images
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.fakes.registry_proxy import Fault, RegistryProxy
from tests.lakes import make_champion
from tests.modelling.test_champion_scores import archive, settings
from tests.serving.conftest import registry_address, registry_binary, repository

__all__ = ["registry_address", "registry_binary", "repository", "settings"]
DAY = date(2026, 3, 9)


def champion_of(settings: Settings, folder: Path, model_id: str, roc_auc: float, *, damaged: bool = False) -> str:
    """Publish a model, record its ROC AUC, and make it the champion; return its digest."""
    work, created = folder / model_id, datetime(2026, 3, 2, tzinfo=UTC)
    work.mkdir()
    scorer = work / "scorer"
    scorer.write_text("x")
    model = archive(work)
    if damaged:
        model.write_text("not a model")
    images.build(
        model, dict.fromkeys(("amd64", "arm64"), scorer), work / "image", model_id=model_id, labels={}, created=created
    )
    registry(settings).push(work / "image", model_id)
    digest = index_digest(work / "image")
    with Lake(settings.home).attempt("models", model_id) as out:
        write_json(out / "publication.json", {"digest": digest})
        write_json(out / "manifest.json", {"training_days": ["2026-02-28"]})
        write_json(out / "metrics.json", {"roc_auc": roc_auc, "roc_auc_interval": (roc_auc - 0.02, roc_auc + 0.02)})
        write_json(out / "champion.json", {"comparison": None})
        binding.seal(Lake(settings.home), out, {})
    make_champion(settings, digest)
    return digest


def best_of(
    settings: Settings, champion: str, state: Any = "compared"
) -> "tuple[BestChampion, pd.Series[float] | None]":
    """Score a holdout of two sessions; its features are those of the champions, so that Spark computes nothing."""
    with pulled_champion(settings) as pulled:
        assert pulled is not None
        spec: specs.FeatureSpec = pulled.spec
    columns = {column: [0.0, 1.0] for column in spec.numeric} | {column: ["", "x"] for column in spec.categorical}
    data: Any = SimpleNamespace(settings=settings, lake=Lake(settings.home), day=DAY)
    return score_best_champion(data, pd.DataFrame(columns), spec, ChampionComparison(state, "why", champion, "m"))


def test_best_one_is_scored_and_the_next_best_if_it_is_gone(settings: Settings, tmp_path: Path) -> None:
    best = champion_of(settings, tmp_path, "2026-03-01-aaaaaaaaaaaa", 0.93)
    champion_of(settings, tmp_path, "2026-03-02-bbbbbbbbbbbb", 0.92)
    last = champion_of(settings, tmp_path, "2026-03-03-cccccccccccc", 0.91)
    result, scores = best_of(settings, last)
    assert (result.state, result.digest, result.model_id) == ("compared", best, "2026-03-01-aaaaaaaaaaaa")
    assert (result.skipped, result.days) == ((), 28)
    assert scores is not None
    assert scores.between(0, 1).all()
    Lake(settings.home).remove("models", "2026-03-01-aaaaaaaaaaaa")
    result, scores = best_of(settings, last)
    assert (result.state, result.model_id) == ("compared", "2026-03-02-bbbbbbbbbbbb")
    assert scores is not None
    [skipped] = result.skipped
    assert skipped.startswith("2026-03-01-aaaaaaaaaaaa (the record")


def test_champion_that_is_the_best_is_not_scored_again(settings: Settings, tmp_path: Path) -> None:
    champion_of(settings, tmp_path, "2026-03-01-aaaaaaaaaaaa", 0.92)
    last = champion_of(settings, tmp_path, "2026-03-02-bbbbbbbbbbbb", 0.93)
    result, scores = best_of(settings, last)
    assert (result.state, result.digest, scores) == ("compared", last, None)
    result, scores = best_of(settings, last, "unknown")
    assert (result.state, result.digest) == ("compared", last), "without scores of the champion, it is scored here"
    assert scores is not None


def test_image_that_is_gone_or_damaged_leaves_its_place(
    settings: Settings, tmp_path: Path, registry_address: str
) -> None:
    best = champion_of(settings, tmp_path, "2026-03-01-aaaaaaaaaaaa", 0.93)
    champion_of(settings, tmp_path, "2026-03-02-bbbbbbbbbbbb", 0.92, damaged=True)
    last = champion_of(settings, tmp_path, "2026-03-03-cccccccccccc", 0.91)
    with RegistryProxy(registry_address) as proxy:
        proxy.faults += [Fault(method, f"/manifests/{best}", status=404, times=100) for method in ("HEAD", "GET")]
        result, _ = best_of(settings.model_copy(update={"registry": proxy.address}), last)
    gone, damaged = result.skipped
    assert (result.digest, gone) == (last, "2026-03-01-aaaaaaaaaaaa (not in the registry any more)")
    assert damaged.startswith("2026-03-02-bbbbbbbbbbbb (cannot be scored: ")


def test_failure_of_the_registry_is_no_reason_to_take_another(settings: Settings, tmp_path: Path) -> None:
    champion_of(settings, tmp_path, "2026-03-01-aaaaaaaaaaaa", 0.93)
    last = champion_of(settings, tmp_path, "2026-03-02-bbbbbbbbbbbb", 0.91)
    data: Any = SimpleNamespace(
        settings=settings.model_copy(update={"registry": "127.0.0.1:1"}), lake=Lake(settings.home), day=DAY
    )
    champion = ChampionComparison("compared", "why", last, "m")
    result, _ = score_best_champion(data, pd.DataFrame(), specs.default(), champion)
    assert result.state == "unknown"
    assert "no answer" in result.why


def test_off_and_none(settings: Settings) -> None:
    champion = ChampionComparison("none", "there is no champion yet")
    for change, expected in (
        ({"best_champion_days": 0}, "off"), ({"compare_champion": False}, "off"), ({}, "none")
    ):  # fmt: skip
        data: Any = SimpleNamespace(settings=settings.model_copy(update=change), lake=Lake(settings.home), day=DAY)
        result, scores = score_best_champion(data, pd.DataFrame(), specs.default(), champion)
        assert (result.state, scores) == (expected, None)
