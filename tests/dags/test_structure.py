"""The DAG files: imports, order, retries, schedule, docs, params."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

ORDER = [
    "resolve",
    "wait_for_tail",
    "extract",
    "check_events",
    "featurize",
    "train",
    "evaluate",
    "gate",
    "package",
    "probe",
    "publish",
    "promote",
    "deploy",
]
HEAVY = {"pyspark", "great_expectations", "matplotlib", "sklearn", "pandas", "numpy", "pyarrow", "kubernetes"}


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


@pytest.fixture(scope="module")
def dag(bag: Any) -> Any:
    return bag.dags["retrain"]


def test_every_dag_imports(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {"retrain", "rollback", "promote", "late", "erasure", "retention", "drill"}


def test_only_retrain_supersedes_runs_of_the_same_day(bag: Any) -> None:
    takes = {name: dag.get_task("resolve")._takes_day for name, dag in bag.dags.items() if dag.has_task("resolve")}
    assert takes == {"retrain": True, "late": False, "erasure": False, "retention": False}


def test_parsing_does_not_import_heavy_libraries() -> None:
    code = (
        "import json, sys\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "DagBag(sys.argv[1])\n"
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "dags")], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "airflow" in loaded
    assert not loaded & HEAVY


def test_dag_and_plugin_files_are_short() -> None:
    for path in [*(ROOT / "dags").glob("*.py"), *(ROOT / "plugins").glob("*.py")]:
        assert len(path.read_text().splitlines()) < 120, path


def test_retrain_tasks_form_a_chain(dag: Any) -> None:
    assert [task.task_id for task in dag.topological_sort()] == ORDER
    for before, after in pairwise(ORDER):
        assert dag.get_task(after).upstream_task_ids == {before}


def test_every_task_survives_a_killed_worker(dag: Any) -> None:
    light = dict.fromkeys(("resolve", "wait_for_tail", "check_events", "gate", "package", "probe"), 2)
    registry = {"publish": 6, "promote": 6}
    patient = dict.fromkeys(("extract", "featurize", "train", "evaluate", "deploy"), 2) | registry
    assert {t.task_id: t.retries for t in dag.tasks} == light | patient
    assert all(dag.get_task(task).retry_exponential_backoff > 1 for task in patient)


@pytest.mark.parametrize(("dag_id", "move"), [("rollback", "roll_back"), ("promote", "promote_model")])
def test_move_of_the_champion_by_hand_is_deployed_too(bag: Any, dag_id: str, move: str) -> None:
    assert [task.task_id for task in bag.dags[dag_id].topological_sort()] == [move, "deploy_champion"]
    assert bag.dags[dag_id].get_task("deploy_champion").upstream_task_ids == {move}


def test_retrain_is_scheduled_nightly_without_catchup(dag: Any) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable

    timetable = coerce_to_core_timetable(dag.timetable)
    interval = timetable.infer_manual_data_interval(run_after=datetime(2026, 3, 2, 5, tzinfo=UTC))
    assert (interval.start, interval.end) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    assert not dag.catchup


def test_scheduler_that_was_down_over_midnights_runs_the_last_interval_once(
    dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the real schedule answers to the scheduler; models of the days before would be outdated at once."""
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables import interval
    from airflow.timetables.base import DataInterval, TimeRestriction
    from pendulum import DateTime, instance

    timetable = coerce_to_core_timetable(dag.timetable)
    first = instance(dag.start_date)

    def due(last_day: int, now: datetime) -> list[DateTime]:
        """The data days of the runs that the scheduler creates at a moment, after that of a day in March."""
        monkeypatch.setattr(interval, "utcnow", lambda: instance(now))
        last = DataInterval(instance(midnight(last_day)), instance(midnight(last_day + 1)))
        days: list[DateTime] = []
        while True:
            rule = TimeRestriction(earliest=first, latest=None, catchup=dag.catchup)
            info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=rule)
            if info.run_after > now:
                return days
            days.append(info.data_interval.start)
            last = info.data_interval

    assert due(1, midnight(2) + timedelta(hours=23)) == []
    assert due(1, midnight(3)) == [midnight(2)]
    assert due(1, midnight(5) + timedelta(hours=7)) == [midnight(4)], "down over three midnights"
    assert due(4, midnight(5) + timedelta(hours=8)) == [], "once"
    assert due(4, midnight(2)) == [], "nor again after the clock was put back"


def midnight(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def test_every_dag_task_and_param_is_documented(bag: Any) -> None:
    for dag in bag.dags.values():
        assert "###" in dag.doc_md
        assert [t.task_id for t in dag.tasks if not t.doc_md] == []
        assert [k for k in dag.params if not dag.params.get_param(k).description] == []


def test_only_publish_emits_the_asset(dag: Any) -> None:
    assert {t.task_id: [a.name for a in t.outlets] for t in dag.tasks if t.outlets} == {"publish": ["scoring-image"]}


@pytest.mark.parametrize(
    "conf",
    [
        {"roc_auc_threshold": 0.5},
        {"roc_auc_threshold": 1.2},
        {"roc_auc_threshold": "high"},
        {"training_days": 91},
        {"training_days": -1},
        {"training_days": 2.5},
        {"date": "2026-02-30"},
        {"date": "yesterday"},
        {"promote": "maybe"},
    ],
)
def test_trigger_form_rejects_invalid_values(dag: Any, conf: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        for name, value in conf.items():
            dag.params.get_param(name).resolve(value)


@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"date": "2026-03-01", "training_days": 0, "roc_auc_threshold": 0.51, "promote": False},
        {"date": None, "training_days": None, "roc_auc_threshold": None},
    ],
)
def test_trigger_form_accepts_valid_values(dag: Any, conf: dict[str, Any]) -> None:
    for name, value in conf.items():
        assert dag.params.get_param(name).resolve(value) == value


def test_spark_applications_exist(dag: Any) -> None:
    for step in ("extract", "featurize", "train", "evaluate"):
        assert Path(dag.get_task(step).application).name == f"{step}.py"
        assert Path(dag.get_task(step).application).exists()
