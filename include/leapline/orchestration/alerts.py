"""Alerts: a refused model, a failed step, a stale or retired champion, a registry and a ledger that disagree.

An Airflow notifier that is called when a task ends. The alert is always written to the task log, and sent to the
connections in the setting `alert_connections`. An alert that cannot be sent is logged as an error and changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier, Context

from leapline import clock
from leapline.errors import IncompleteDayError, NoEventsError, SettingsError
from leapline.orchestration.links import page_url
from leapline.orchestration.logins import usable_logins
from leapline.quality.expectations import MISSING
from leapline.records.runs import run_outcome
from leapline.runtime.reports import past_report
from leapline.settings import Settings


@dataclass(frozen=True)
class Message:
    """One alert: `title` in a few words, `sentence` with the reason, `link` to the run."""

    title: str
    sentence: str
    link: str

    def __str__(self) -> str:
        return f"{self.title}. {self.sentence} {self.link}"


class Alert(BaseNotifier):
    """The `on_failure_callback` of every task, and the `on_success_callback` of gate, probe and promote."""

    def notify(self, context: Context) -> None:
        """Log and send the messages that the end of a task calls for."""
        settings = Settings.load()
        with usable_logins(settings):
            alerts = messages(settings, context)
        for message in alerts:
            self.log.warning("ALERT %s", message)
            for name in (part.strip() for part in settings.alert_connections.split(",") if part.strip()):
                self._send(settings, name, message)

    def _send(self, settings: Settings, name: str, message: Message) -> None:
        try:
            connection = BaseHook.get_connection(name)
            channel_for(name, connection.conn_type)(settings, name, message)
        except Exception as exc:  # a mail server or web hook that fails must not fail the run
            self.log.error("Alert not sent to connection %s: %s", name, exc)


def messages(settings: Settings, context: Any) -> list[Message]:
    """Return the messages that the end of a task calls for.

    Args:
        settings: of the installation.
        context: Airflow's callback context; it has an `exception` after a failure.
    """
    task, run_id = context["ti"].task_id, context["run_id"]
    facts = context["ti"].xcom_pull(task_ids="resolve") or {}
    day, link = facts.get("day", "an unknown day"), page_url(run_id)
    alerts = []
    outcome = run_outcome(settings, run_id)
    if context.get("exception"):
        text = str(context["exception"])
        alerts.append(Message(f"{_failure(settings, run_id, task, text)}, data of {day}", text, link))
    elif outcome and outcome.state == "refused":
        alerts.append(Message(f"Model refused, data of {day}", outcome.sentence, link))
    elif outcome is None or outcome.state not in ("published", "reproduced"):
        return []
    if facts:
        # Imports numpy; every task process parses the DAG file, and with it this module.
        from leapline.records.champion_age import retired_champion, stale_champion
        from leapline.records.serving_state import serving_state

        serving = serving_state(settings)
        if serving.contradiction:
            alerts.append(Message("Registry and ledger contradict each other", serving.contradiction, link))
        if sentence := retired_champion(settings, serving, clock.today()):
            alerts.append(Message("Champion has to be replaced", sentence, link))
        if not facts["backfill"] and (sentence := stale_champion(settings, serving, date.fromisoformat(day))):
            alerts.append(Message(f"Champion is stale, data of {day}", sentence, link))
    return alerts


def _failure(settings: Settings, run_id: str, task: str, text: str) -> str:
    """Return what has failed in a few words: missing data is nobody's fault in training or gate."""
    report = past_report(settings, run_id, task) or {}
    kind = report.get("error", {}).get("kind") if not report.get("ok") else None
    if kind in (NoEventsError.__name__, IncompleteDayError.__name__) or MISSING in text:
        return "Data missing"
    return "Data check failed" if task == "check_events" else f"Step {task} failed"


def channel_for(name: str, kind: str) -> Callable[[Settings, str, Message], None]:
    """Return the function that sends a message to a connection of that type.

    Raises:
        SettingsError: alerts cannot be sent to this type of connection.
    """
    channels = {"smtp": send_mail, "slackwebhook": send_to_slack}
    if kind not in channels:
        raise SettingsError(
            f"connection {name}",
            found=f"type {kind!r}",
            expected=f"one of {', '.join(channels)}",
            fix="Correct LEAPLINE_ALERT_CONNECTIONS, or the connection's type in Airflow.",
        )
    return channels[kind]


def send_mail(settings: Settings, name: str, message: Message) -> None:
    """Send a message by mail.

    The hook is used rather than the provider's notifier, which renders braces in the text as a template.

    Raises:
        SettingsError: no recipient is set.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if not settings.alert_mail_to:
        raise SettingsError(
            "LEAPLINE_ALERT_MAIL_TO",
            found="no value",
            expected="a mail address",
            fix=f"Set it, because connection {name} is a mail server.",
        )
    body = f'<p>{escape(message.sentence)}</p><p><a href="{escape(message.link)}">{escape(message.link)}</a></p>'
    with SmtpHook(smtp_conn_id=name) as hook:
        sender = hook.from_email or settings.alert_mail_to.split(",")[0]
        hook.send_email_smtp(
            to=settings.alert_mail_to, subject=f"Leapline: {message.title}", html_content=body, from_email=sender
        )


def send_to_slack(settings: Settings, name: str, message: Message) -> None:
    """Send a message to a Slack web hook."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    # Slack uses &, < and > for markup, as HTML does.
    title, sentence, link = (escape(text, quote=False) for text in (message.title, message.sentence, message.link))
    SlackWebhookHook(slack_webhook_conn_id=name).send(text=f"*Leapline: {title}*\n{sentence}\n{link}")
