"""Logins to the platforms: those of the environment, or of an Airflow connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leapline.errors import DeployUnusableError
from leapline.rollout.target import Target


@dataclass(frozen=True)
class Connection:
    """What a connection contains.

    Attributes:
        password: its password or token.
        extra: its further fields.
    """

    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Logins:
    """The logins of the environment. In Airflow, a subclass adds those of connections."""

    def connection(self, target: Target) -> Connection | None:
        """Return the connection that a target names; None if it names none.

        Raises:
            DeployUnusableError: there is no such connection, or connections cannot be read here.
        """
        if not target.connection:
            return None
        raise DeployUnusableError(
            f"{target.name}, connection {target.connection}",
            found="a command outside Airflow, where connections cannot be read",
            expected="a task of Airflow",
            fix="Use the DAG `promote` or `rollback`, or log in by the environment and leave `connection` out.",
        )

    def aws_session(self, target: Target, region: str | None) -> Any:
        """Return a boto3 session.

        Args:
            target: its connection is used if it names one, and otherwise boto3's own chain.
            region: AWS region; None for that of the login.

        Raises:
            DeployUnusableError: as `connection`.
        """
        import boto3

        self.connection(target)
        return boto3.Session(region_name=region)
