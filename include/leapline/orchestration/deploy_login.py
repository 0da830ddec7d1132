"""Logins to the targets of a deployment, from Airflow connections."""

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from leapline.errors import DeployUnusableError
from leapline.rollout.logins import Connection, Logins
from leapline.rollout.target import Target


class AirflowLogins(Logins):
    """The connections that targets name by `connection=`. Without a name, the environment's login counts."""

    def connection(self, target: Target) -> Connection | None:
        """Return password and extra fields of the connection.

        Raises:
            DeployUnusableError: there is no such connection.
        """
        if not target.connection:
            return None
        connection = self._connection(target)
        return Connection(connection.password or "", connection.extra_dejson)

    def aws_session(self, target: Target, region: str | None) -> Any:
        """Return the session that Airflow's AWS hook makes of the connection: keys, profile or assumed role.

        Raises:
            DeployUnusableError: there is no such connection, or it is of another type.
        """
        if not target.connection:
            return super().aws_session(target, region)
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

        if (kind := self._connection(target).conn_type) != "aws":
            raise _unusable(target, f"type {kind}", "type aws")
        return AwsGenericHook(aws_conn_id=target.connection, region_name=region).get_session(region_name=region)

    def _connection(self, target: Target) -> Any:
        try:
            return BaseHook.get_connection(target.connection)
        except AirflowNotFoundException:
            raise _unusable(target, "no such connection", "a connection") from None


def _unusable(target: Target, found: str, expected: str) -> DeployUnusableError:
    return DeployUnusableError(
        f"{target.name}, Airflow's connection {target.connection}", found=found, expected=expected,
        fix="Create it in Airflow under Admin > Connections, or leave `connection` out.",
    )  # fmt: skip
