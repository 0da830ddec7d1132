"""Checks of the Airflow connections that the settings name, with the code that the tasks use."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from leapline.doctor import events, keys
from leapline.doctor.finding import Finding, NotApplicableError, from_error, ok, problem
from leapline.doctor.subject import Subject
from leapline.errors import LeaplineError, SettingsError
from leapline.orchestration.alerts import channel_for
from leapline.orchestration.aws_login import aws_login, aws_variables
from leapline.orchestration.database_checks import require_database
from leapline.orchestration.registry_login import docker_logins, registry_login
from leapline.orchestration.signing_login import with_signing_key
from leapline.orchestration.source_login import libpq_variables, source_login
from leapline.orchestration.spark_connection import require_client_mode
from leapline.settings import Settings

SPARK_CONNECTION: Final = "spark_default"
_FIX_CONNECTION: Final = "Correct it in Airflow under Admin > Connections, or the setting that names it."


def connections(subject: Subject) -> list[Finding]:
    """Read every connection that the settings name, with the code that the tasks use."""
    require_database()
    return list(_connections(subject.settings))


def _connections(settings: Settings) -> Iterator[Finding]:
    yield _usable(SPARK_CONNECTION, lambda: f"master {require_client_mode(SPARK_CONNECTION)}")
    for name in filter(None, (part.strip() for part in settings.alert_connections.split(","))):
        yield _usable(name, partial(_alert_channel, settings, name))
    if settings.registry_connection_ids:
        yield _usable(", ".join(settings.registry_connection_ids),
                      lambda: f"logins for {', '.join(login.target for login in docker_logins(settings))}")  # fmt: skip
    if settings.aws_connection:
        yield _usable(
            settings.aws_connection, lambda: f"credentials: {', '.join(aws_variables(settings.aws_connection))}"
        )
    if settings.source_connection:
        yield _usable(
            settings.source_connection, lambda: f"sets {', '.join(libpq_variables(settings.source_connection))}"
        )
    if settings.signing_connection:
        yield _usable(
            settings.signing_connection, lambda: str(with_signing_key(settings, "package") and "a private key")
        )


def _usable(name: str, read: Callable[[], str]) -> Finding:
    try:
        return ok(read()).of(name)
    except LeaplineError as exc:
        variables = [f"AIRFLOW_CONN_{part.upper()}" for part in name.split(", ")]
        present = [variable for variable in variables if variable in os.environ]
        if exc.found == "no such connection" and present:
            # Airflow ignores a variable that it cannot read.
            state, fix = f"{', '.join(present)}: its text cannot be read", "Correct the variable, or leave it out."
            return problem(state, expected="a connection as JSON or URI", fix=fix).of(name)
        return from_error(exc).of(name)
    except Exception as exc:  # a connection in a variable may have any content
        state = f"{type(exc).__name__}: its text cannot be read"
        return problem(state, expected="a connection as JSON or URI", fix=_FIX_CONNECTION).of(name)


def _alert_channel(settings: Settings, name: str) -> str:
    try:
        kind = BaseHook.get_connection(name).conn_type
    except AirflowNotFoundException:
        fix = "Create it in Airflow under Admin > Connections, or take it out of LEAPLINE_ALERT_CONNECTIONS."
        raise SettingsError(f"Airflow's connection {name}", found="no such connection",
                            expected="one of type smtp or slackwebhook", fix=fix) from None  # fmt: skip
    channel_for(name, kind)
    if kind == "smtp" and not settings.alert_mail_to:
        raise SettingsError("LEAPLINE_ALERT_MAIL_TO", found="no value", expected="a mail address",
                            fix=f"Set it, because connection {name} is a mail server.")  # fmt: skip
    return f"alerts by {kind}"


def registry_with_login(subject: Subject) -> Finding:
    """Use the registry with the logins of the connections, as tasks do."""
    from leapline.deployment.factory import registry
    from leapline.serving.push_permission import require_push_permission

    settings = subject.settings
    if not (settings.registry_connection_ids or settings.aws_connection):
        raise NotApplicableError("No connection has a login for the registry.")
    require_database()
    with aws_login(settings), registry_login(settings, "publish"):
        target = registry(settings, budget_s=8.0)
        tags = target.tags()
        if not tags:
            return ok(f"{target.image} is empty or does not exist yet")
        return ok(require_push_permission(target, tags[0]))


def source_with_login(subject: Subject) -> Finding:
    """List yesterday's events with the login of the connection."""
    settings = subject.settings
    if not settings.source_connection:
        raise NotApplicableError("No connection has the login of the event source.")
    require_database()
    with aws_login(settings), source_login(settings, "extract"):
        return events.examine(subject)


def signing_key(subject: Subject) -> Finding:
    """Examine the signing key of the connection."""
    settings = subject.settings
    if not settings.signing_connection:
        raise NotApplicableError("No connection has the signing key.")
    require_database()
    return keys.examine(with_signing_key(settings, "package"))
