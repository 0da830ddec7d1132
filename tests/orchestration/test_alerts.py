"""Alerts of real DAG runs, in the log, by mail and on Slack, and the rules that choose them."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.deployment.factory import ledger_of, registry
from leapline.errors import SettingsError
from leapline.local.airflow_env import AirflowInstance
from leapline.local.airflow_run import RunOutcome, run_dag
from leapline.orchestration.alerts import Message, channel_for, messages, send_mail
from leapline.promotion.ledger import Entry
from leapline.records.champion_age import stale_champion
from leapline.records.serving_state import serving_state
from leapline.runtime.reports import write_report
from leapline.settings import Settings
from tests.conftest import ROOT
from tests.fakes.mail import MailServer, mail_server
from tests.fakes.stub_steps import script_steps
from tests.fakes.web_hook import web_hook
from tests.ports import free_address
from tests.serving.conftest import MakeImage, crane, make_image, registry_address, registry_binary, repository

DAY = date(2026, 3, 1)
__all__ = ["crane", "make_image", "registry_address", "registry_binary", "repository"]
REFUSED = "Refused: ROC AUC 0.81 is below {{ 0.88 }}."


@pytest.fixture
def mail(stub_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server, and the connection `post` to it; the DAG runs stub steps."""
    with mail_server() as server:
        plain = {"disable_ssl": True, "disable_tls": True, "from_email": "leapline@shop.example"}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": plain}
        for name, value in stub_environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRFLOW_CONN_POST", json.dumps(connection))
        yield server


def settings_of(home: Path, **more: Any) -> Settings:
    return Settings.load(home=home, registry=free_address(), alert_mail_to="night@shop.example", **more)


def run(folder: Path, settings: Settings, **steps: Any) -> RunOutcome:
    script_steps(folder, **steps)
    return run_dag(settings, AirflowInstance(folder / "airflow"), DAY)


def promoted(settings: Settings, model_id: str) -> None:
    ledger_of(settings).append(
        Entry("2026-02-02T04:00:00+00:00", "leapline", "good", "r", "promote", "champion", model_id, None, "sha256:1")
    )


def test_refused_model_skips_the_later_tasks_and_is_mailed_with_the_stale_champion(
    folder: Path, mail: MailServer
) -> None:
    settings = settings_of(folder / "lake", alert_connections="post, nowhere")
    promoted(settings, "2026-02-01-0123456789ab")
    done = run(folder, settings, gate={"passed": False, "sentence": REFUSED})
    assert (done.state, done.error) == ("success", "")
    skipped = {task for task, state in done.tasks.items() if state == "skipped"}
    assert skipped == {"package", "probe", "publish", "promote", "deploy"}
    refused, stale = mail.messages
    assert refused["To"] == "night@shop.example"
    assert refused["Subject"] == "Leapline: Model refused, data of 2026-03-01"
    body = refused.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert REFUSED in body
    assert "/plugin/models/leapline/?run=manual__" in body
    assert stale["Subject"] == "Leapline: Champion is stale, data of 2026-03-01"
    log = done.log.read_text()
    assert f"gate: {REFUSED}" in log
    assert f"ALERT Model refused, data of 2026-03-01. {REFUSED} http" in log
    assert "Alert not sent to connection nowhere" in log


def test_failed_data_check_is_mailed_and_sent_to_slack(
    folder: Path, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(folder / "lake2", alert_connections="team, post")
    with web_hook() as hook:
        connection = {"conn_type": "slackwebhook", "host": f"{hook.address}/services", "password": "T1/B2/secret"}
        monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps(connection))
        done = run(folder, settings, check_events={"error": ["DataCheckError", "events", "2 < 3 & 4", "none", "Look."]})
    assert done.state == "failed"
    sentence = "events: found 2 &lt; 3 &amp; 4; expected none. Look."
    [letter] = mail.messages
    assert letter["Subject"] == "Leapline: Data check failed, data of 2026-03-01"
    assert sentence in letter.get_body(("html",)).get_content()  # type: ignore[union-attr]
    [(path, posted)] = hook.posts
    assert path == "/services/T1/B2/secret"
    title, text, link = posted["text"].split("\n")
    assert (title, text) == ("*Leapline: Data check failed, data of 2026-03-01*", sentence)
    assert "/plugin/models/leapline/?run=manual__" in link
    log = done.log.read_text()
    assert "Alert not sent" not in log
    assert "T1/B2/secret" not in log


class Ended:
    """A task instance with its task id and the facts of its run."""

    def __init__(self, task_id: str, facts: dict[str, Any] | None) -> None:
        self.task_id, self._facts = task_id, facts

    def xcom_pull(self, task_ids: str) -> dict[str, Any] | None:
        assert task_ids == "resolve"
        return self._facts


FACTS = {"day": "2026-03-01", "backfill": False}


@pytest.mark.parametrize(
    ("task", "facts", "summary", "exception", "titles"),
    [
        ("gate", FACTS, {"passed": True, "sentence": "Passed."}, None, []),
        ("promote", FACTS, {"promoted": True, "why": "better"}, None, []),
        ("promote", FACTS, {"promoted": False, "why": "older"}, None, ["Champion is stale"]),
        ("probe", FACTS, {"passed": False, "sentence": "Refused."}, None, ["Model refused", "Champion is stale"]),
        ("gate", FACTS | {"backfill": True}, {"passed": False, "sentence": "Refused."}, None, ["Model refused"]),
        ("train", FACTS, None, "no memory", ["Step train failed", "Champion is stale"]),
        ("resolve", None, None, "no such day", ["Step resolve failed"]),
    ],
)
def test_messages_follow_from_the_end_of_a_task(
    tmp_path: Path, task: str, facts: Any, summary: Any, exception: str | None, titles: list[str]
) -> None:
    settings = Settings.load(home=tmp_path, registry=free_address())
    promoted(settings, "2026-02-22-0123456789ab")
    if summary:
        report = {"step": task, "run_id": "run", "ok": True, "summary": summary}
        write_report(settings, "run", task, report)
    context = {"ti": Ended(task, facts), "run_id": "run", "exception": exception}
    assert [message.title.split(",")[0] for message in messages(settings, context)] == titles


@pytest.mark.parametrize(("days", "alerted"), [(7, True), (8, False)])
def test_stale_champion_days_is_a_setting(tmp_path: Path, days: int, alerted: bool) -> None:
    settings = Settings.load(home=tmp_path, registry=free_address(), stale_champion_days=days)
    assert stale_champion(settings, serving_state(settings), DAY) == ""
    promoted(settings, "2026-02-22-0123456789ab")
    assert bool(stale_champion(settings, serving_state(settings), DAY)) is alerted


def test_tag_without_papers_is_alerted(
    tmp_path: Path, registry_address: str, repository: str, make_image: MakeImage
) -> None:
    settings = Settings.load(
        home=tmp_path / "lake", registry=registry_address, repository=repository, tools=ROOT / ".local"
    )
    registry(settings).push(make_image("a", model_id="alien"), "alien")
    registry(settings).tag("alien", "champion")
    refused = {"step": "gate", "run_id": "run", "ok": True, "summary": {"passed": False, "sentence": "Refused."}}
    write_report(settings, "run", "gate", refused)
    context = {"ti": Ended("gate", FACTS), "run_id": "run", "exception": None}
    alerts = messages(settings, context)
    assert [alert.title for alert in alerts] == [
        "Model refused, data of 2026-03-01", "Registry and ledger contradict each other",
    ]  # fmt: skip
    assert "an image without papers" in alerts[1].sentence


def test_unusable_channel_is_rejected_by_name(tmp_path: Path) -> None:
    settings, message = Settings.load(home=tmp_path), Message("a", "b", "c")
    with pytest.raises(SettingsError, match=r"connection x: found type 'http'; expected one of smtp, slackwebhook"):
        channel_for("x", "http")
    with pytest.raises(SettingsError, match="LEAPLINE_ALERT_MAIL_TO: found no value"):
        send_mail(settings, "post", message)
