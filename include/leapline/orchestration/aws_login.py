"""The Airflow connection that has the AWS credentials for buckets, ECR and Redshift."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from leapline.errors import SettingsError, StorageError
from leapline.orchestration.environment import set_variables
from leapline.settings import Settings


@contextmanager
def aws_login(settings: Settings) -> Iterator[None]:
    """Set AWS's variables from the connection in the setting `aws_connection`, if it names one.

    boto3, the store of buckets, and Spark with its executors read them.

    Args:
        settings: of the run.

    Raises:
        SettingsError: there is no such connection, or AWS does not accept it.
        StorageError: AWS does not answer.
    """
    with set_variables(aws_variables(settings.aws_connection) if settings.aws_connection else {}):
        yield


def aws_variables(conn_id: str) -> dict[str, str | None]:
    """Return AWS's environment variables for a connection.

    Airflow's provider resolves it: keys, a profile, a role to assume. A variable that does not apply is None.

    Args:
        conn_id: of an Airflow connection of type Amazon Web Services.

    Raises:
        SettingsError: there is no such connection, it has no credentials, or AWS does not accept it.
        StorageError: AWS does not answer.
    """
    thing = _require_connection(conn_id)
    session = _session(conn_id, thing)
    credentials = session.get_credentials()
    if credentials is None:
        raise _unusable(thing, "no credentials, and none on this machine")
    keys = credentials.get_frozen_credentials()
    region = {name: session.region_name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if session.region_name}
    return region | {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token,
    }


def _session(conn_id: str, thing: str) -> Any:
    """Return boto3's session of a connection, with a role assumed if it names one."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from botocore import exceptions

    try:
        session = AwsGenericHook(aws_conn_id=conn_id, client_type="sts").get_session()
        session.get_credentials()
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as exc:
        fix = "Check the network and the connection's region, then run it again."
        raise StorageError(thing, found=str(exc)[:300], expected="an answer from AWS", fix=fix) from exc
    except (exceptions.BotoCoreError, exceptions.ClientError, AirflowException, ValueError) as exc:
        raise _unusable(thing, str(exc)[:300]) from exc
    return session


def _require_connection(conn_id: str) -> str:
    """Return the name of a connection for errors. Without this check, Airflow's hook would use other credentials."""
    thing = f"Airflow's connection {conn_id} (LEAPLINE_AWS_CONNECTION)"
    fix = "Create it in Airflow under Admin > Connections, or leave the setting empty."
    try:
        kind = BaseHook.get_connection(conn_id).conn_type
    except AirflowNotFoundException:
        expected = "one of type Amazon Web Services"
        raise SettingsError(thing, found="no such connection", expected=expected, fix=fix) from None
    if kind != "aws":
        raise SettingsError(thing, found=f"type {kind}", expected="type Amazon Web Services (aws)", fix=fix)
    return thing


def _unusable(thing: str, found: str) -> SettingsError:
    fix = "Correct its keys, profile or role in Airflow under Admin > Connections."
    return SettingsError(thing, found=found, expected="credentials that AWS accepts", fix=fix)
