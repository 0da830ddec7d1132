"""Two attempts of one step of a run: a driver that goes on after its task was lost (fault 4), and copies of a task that
run at the same time (fault 5). The attempt that began last commits; the others commit nothing, and say why."""

import multiprocessing
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import StorageError, SupersededError
from leapline.runtime.context import RunContext
from leapline.runtime.reports import past_report
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.storage import POINTER, Lake, LocalStore, lake_of
from tests.lakes import attempts_of

DAY = date(2026, 3, 5)
RUN = RunContext(DAY, "run")
FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture(params=["folder", "bucket"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "folder":
        return Settings(home=tmp_path / "lake")
    return Settings.load(home=tmp_path / "lake", lake=f"s3://{request.getfixturevalue('s3_bucket')}/lake")


def writing(text: str, meanwhile: Callable[[], object] = lambda: None) -> Callable[[Settings, RunContext], Any]:
    """A step that writes a candidate; something happens before it commits."""

    def step(settings: Settings, context: RunContext) -> dict[str, Any]:
        with lake_of(settings).attempt("candidates", context.day) as out:
            (out / "model").write_text(text)
            meanwhile()
        return {"text": text}

    return step


def committed(settings: Settings) -> str:
    return (lake_of(settings).current("candidates", DAY) / "model").read_text()


def in_another_process(function: Callable[..., object], *arguments: object) -> None:
    """Run a function to its end, with this process's environment."""
    process = FORKS.Process(target=_with_environment, args=(dict(os.environ), function, *arguments))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def _with_environment(environment: dict[str, str], function: Callable[..., object], *arguments: object) -> None:
    os.environ.update(environment)
    function(*arguments)


def _retry(settings: Settings) -> None:
    perform("train", writing("of the retry"), settings, RUN)


def test_driver_that_outlives_its_task_commits_nothing_after_the_retry(settings: Settings) -> None:
    """The orphan is about to commit when the task is retried, with the same run id, and the retry ends first."""
    orphan = writing("of the orphan", lambda: in_another_process(_retry, settings))
    with pytest.raises(SupersededError, match=r"train of run run: found a later attempt of the same step.*replaces"):
        perform("train", orphan, settings, RUN)
    assert committed(settings) == "of the retry"
    require_report_of_the_retry(settings)
    assert len(lake_of(settings).store.scan(lake_of(settings).folder("candidates", DAY)).folders) == 1


def test_retry_that_commits_between_check_and_swap_of_the_orphan_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, retried = Settings(home=tmp_path / "lake"), list[str]()
    write = LocalStore.put_if_absent

    def delayed(store: LocalStore, key: str, content: bytes) -> bool:
        if key.endswith(POINTER) and not retried:
            retried.append(key)
            in_another_process(_retry, settings)
        return write(store, key, content)

    monkeypatch.setattr(LocalStore, "put_if_absent", delayed)
    with pytest.raises(SupersededError):
        perform("train", writing("of the orphan"), settings, RUN)
    assert retried
    assert committed(settings) == "of the retry"


def test_orphan_that_fails_does_not_replace_the_report_of_the_retry(settings: Settings) -> None:
    def retry_and_fail() -> None:
        in_another_process(_retry, settings)
        raise StorageError("disk", found="a fault", expected="none", fix="none")

    with pytest.raises(StorageError):
        perform("train", writing("of the orphan", retry_and_fail), settings, RUN)
    require_report_of_the_retry(settings)


def require_report_of_the_retry(settings: Settings) -> None:
    report = past_report(settings, "run", "train")
    assert report
    assert (report["ok"], report["summary"]) == (True, {"text": "of the retry"})


def test_other_steps_of_the_run_do_not_fence_each_other(settings: Settings) -> None:
    perform("train", writing("x", lambda: perform("gate", lambda _s, _c: {}, settings, RUN)), settings, RUN)
    assert committed(settings) == "x"


def _copy(settings: Settings, name: str, barrier: Any, results: Any) -> None:
    """One of the copies of a task; all have begun before one commits."""
    try:
        perform("train", writing(name, barrier.wait), settings, RUN)
        results.put(("committed", name))
    except SupersededError as exc:
        results.put(("superseded", str(exc)))


@pytest.mark.parametrize("settings", ["folder"], indirect=True)
def test_one_of_several_copies_of_a_task_commits(settings: Settings) -> None:
    """Each copy is a process of its own; the others end with a plain message, and leave no files."""
    barrier, results = FORKS.Barrier(4), FORKS.Queue()
    copies = [FORKS.Process(target=_copy, args=(settings, f"copy {n}", barrier, results)) for n in range(4)]
    for copy in copies:
        copy.start()
    outcomes = sorted(results.get(timeout=60) for _ in copies)
    for copy in copies:
        copy.join(60)
    assert [kind for kind, _ in outcomes] == ["committed"] + ["superseded"] * 3
    assert committed(settings) == outcomes[0][1]
    assert all("a later attempt of the same step" in text for _, text in outcomes[1:])
    assert len(attempts_of(Lake(settings.home), "candidates", DAY)) == 1
    report = past_report(settings, "run", "train")
    assert report
    assert report["ok"]
