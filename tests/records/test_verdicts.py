"""Which verdict is in force, and that everything that shows a verdict shows that one."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leapline.cli import app
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.rules import Rule, refuse
from leapline.evaluation.verdict import Verdict, conclude
from leapline.orchestration.page import models
from leapline.records import history, verdicts
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.command import environment

DAY = date(2026, 3, 1)
METRICS = {"examples": 900, "positives": 40, "roc_auc": 0.9, "roc_auc_interval": None}
METRICS |= {"average_precision": 0.5, "average_precision_interval": None}
GOOD = Rule("roc_auc", 0.9, "at least 0.88", True, "ROC AUC: 0.9 (at least 0.88)")
SKEWED = refuse("probe_parity", "at most 1e-09", "3 rows differ")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with Lake(tmp_path).attempt("evaluations", DAY) as out:
        write_json(out / "metrics.json", METRICS)
    return Settings(home=tmp_path, registry="127.0.0.1:1")


def document(verdict: Verdict, result: str) -> dict[str, Any]:
    champion = ChampionComparison("none", "there is no champion yet")
    return verdicts.verdict_document(verdict, RunContext(DAY, "run"), champion, result)


def gate(settings: Settings, *rules: Rule) -> str:
    """Write a verdict as the gate does; returns its attempt."""
    verdict = conclude(rules)
    with Lake(settings.home).attempt("verdicts", DAY) as out:
        write_json(out / "verdict.json", document(verdict, "to be probed" if verdict.passed else "refused"))
    return out.name


def probe(settings: Settings, gate_attempt: str, *rules: Rule) -> None:
    verdict = conclude(rules)
    final = document(verdict, "published" if verdict.passed else "refused") | {"gate": gate_attempt}
    with Lake(settings.home).attempt("probes", DAY) as out:
        write_json(out / "verdict.json", final)
        write_json(out / "probe.json", {"passed": verdict.passed, "sentence": verdict.summary})


def shown(settings: Settings) -> dict[str, tuple[bool, str]]:
    """The verdict of the day in every place that shows one: whether it passes, and its result."""
    in_force = verdicts.effective_verdict(Lake(settings.home), DAY)
    [row] = history.rows(Lake(settings.home))
    [candidate] = models.candidates(settings)["rows"]
    [point] = models.days(settings)
    printed = CliRunner().invoke(app, ["models", "--json"], env=environment(settings))
    [listed] = json.loads(printed.stdout)
    return {
        "lake": (in_force["passed"], in_force["result"]),
        "history": ("refused" not in row["result"], row["result"]),
        "candidates on the page": (candidate["passed"], candidate["result"]),
        "chart on the page": (point["passed"], row["result"]),
        "command line": ("refused" not in listed["result"], listed["result"]),
    }


def test_probe_of_an_earlier_gate_is_ignored(settings: Settings) -> None:
    probe(settings, gate(settings, GOOD), GOOD, SKEWED)
    assert set(shown(settings).values()) == {(False, "refused")}
    gate(settings, GOOD)
    assert set(shown(settings).values()) == {(True, "to be probed")}


def test_probe_of_the_newest_gate_is_final(settings: Settings) -> None:
    probe(settings, gate(settings, GOOD), GOOD)
    assert set(shown(settings).values()) == {(True, "published")}
    gate(settings, refuse("roc_auc", "at least 0.88", "too low"))
    assert set(shown(settings).values()) == {(False, "refused")}
