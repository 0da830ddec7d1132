"""Who has to know: a refused model, a failed step, a champion that has grown old.

A notifier of Airflow's, called when a task ends. The task log always has the alert; the connections that the setting
`alert_connections` names get it too. An alert that cannot be sent is told in the log and changes nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier, Context

from leapline.errors import LeaplineError, SettingsError
from leapline.orchestration.links import page_url
from leapline.runtime.reports import past_report
from leapline.serving.ledger import Ledger
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
    """For `on_failure_callback` of every task, and `on_success_callback` of those that judge or promote."""

    def notify(self, context: Context) -> None:
        """Look at how the task ended, and tell whoever has to know."""
        settings = Settings.load()
        for message in messages(settings, context):
            self.log.warning("ALERT %s", message)
            for name in (part.strip() for part in settings.alert_connections.split(",") if part.strip()):
                self._send(settings, name, message)

    def _send(self, settings: Settings, name: str, message: Message) -> None:
        try:
            connection = BaseHook.get_connection(name)
            _channel(name, connection.conn_type)(settings, name, message)
        except Exception as exc:  # whatever a mail server or a web hook can do wrong: the night goes on
            self.log.error("Alert not sent to connection %s: %s", name, exc)


def messages(settings: Settings, context: Any) -> list[Message]:
    """What a task's end gives cause to say.

    Args:
        settings: the installation's.
        context: Airflow's context of a callback; `exception` is there after a failure.
    """
    task, run_id = context["ti"].task_id, context["run_id"]
    facts = context["ti"].xcom_pull(task_ids="resolve") or {}
    day = facts.get("day", "an unknown day")
    report = past_report(settings, run_id, task)
    summary = (report or {}).get("summary") or {}
    link, found = page_url(run_id), []
    if context.get("exception"):
        what = "Data check failed" if task == "check_events" else f"Step {task} failed"
        found.append(Message(f"{what}, data of {day}", str(context["exception"]), link))
    elif summary.get("passed") is False:
        found.append(Message(f"Model refused, data of {day}", str(summary["sentence"]), link))
    elif summary.get("promoted", True):
        return []
    if facts and not facts["backfill"] and (sentence := stale(settings, date.fromisoformat(day))):
        found.append(Message(f"Champion is old, data of {day}", sentence, link))
    return found


def stale(settings: Settings, day: date) -> str:
    """Says how old the champion is for a run on `day`; "" while it is young enough, or if there never was one."""
    try:
        entries = Ledger(settings.ledger).entries()
        model_id = entries[-1].model_id
        age = (day - date.fromisoformat(model_id[:10])).days
    except (LeaplineError, IndexError, ValueError):
        return ""
    if age < settings.stale_champion_days:
        return ""
    return f"Model {model_id} serves since {age} days of data; no newer one was promoted."


def _channel(name: str, kind: str) -> Callable[[Settings, str, Message], None]:
    channels = {"smtp": _mail, "slackwebhook": _slack}
    if kind not in channels:
        raise SettingsError(
            f"connection {name}",
            found=f"type {kind!r}",
            expected=f"one of {', '.join(channels)}",
            fix="Correct LEAPLINE_ALERT_CONNECTIONS, or the connection's type in Airflow.",
        )
    return channels[kind]


def _mail(settings: Settings, name: str, message: Message) -> None:
    """By the hook rather than the provider's notifier, which would take braces in the text for a template."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if not settings.alert_mail_to:
        raise SettingsError(
            "LEAPLINE_ALERT_MAIL_TO",
            found="nothing",
            expected="a mail address",
            fix=f"Set it, as {name} is a mail server.",
        )
    body = f'<p>{escape(message.sentence)}</p><p><a href="{escape(message.link)}">{escape(message.link)}</a></p>'
    with SmtpHook(smtp_conn_id=name) as hook:
        sender = hook.from_email or settings.alert_mail_to.split(",")[0]
        hook.send_email_smtp(
            to=settings.alert_mail_to, subject=f"Leapline: {message.title}", html_content=body, from_email=sender
        )


def _slack(settings: Settings, name: str, message: Message) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    # Slack takes &, < and > for its own marks, as HTML does.
    title, sentence, link = (escape(text, quote=False) for text in (message.title, message.sentence, message.link))
    SlackWebhookHook(slack_webhook_conn_id=name).send(text=f"*Leapline: {title}*\n{sentence}\n{link}")
