"""Amazon ECR: logins from AWS credentials, and the repository created on first use.

An ECR registry is recognised by its host name. Its logins are tokens that AWS issues for twelve hours; they are written
to a Docker configuration of this process, together with the user's own, and requested again when they are about to
expire or were rejected. Elsewhere nothing here is used.

docs/platforms.md lists the AWS actions that a role needs.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from leapline import clock
from leapline.errors import AccessDeniedError, RegistryError, RegistryUnusableError
from leapline.serving.docker_config import DockerLogin, write_logins
from leapline.storage.files import temporary_folder

MOVING_TAGS: Final = ("champion*", "previous*")
"""The tags that may move; all others, the model ids, are immutable."""
LIFECYCLE: Final[Mapping[str, Any]] = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "Remove what an interrupted push has left",
            "selection": {
                "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30,
            },
            "action": {"type": "expire"},
        }
    ]
}  # fmt: skip
"""ECR does not expire what a tagged index refers to, so every published model stays complete."""
_HOST: Final = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)"
)
_MARGIN: Final = timedelta(minutes=10)
"""A token with less time left is replaced, so that an operation does not begin with one that is about to expire."""


@dataclass(frozen=True)
class EcrHost:
    """An ECR registry.

    Attributes:
        host: its host name.
        account: AWS account, twelve digits.
        region: AWS region.
    """

    host: str
    account: str
    region: str

    @classmethod
    def parse(cls, host: str) -> Self | None:
        """Return the registry of a host name; None for a registry elsewhere."""
        match = _HOST.fullmatch(host)
        return cls(host, match["account"], match["region"]) if match else None


class EcrLogin:
    """The login of one process to an ECR registry.

    Args:
        registry: the registry.
        docker_config: folder of the user's Docker configuration, whose other logins stay usable.
    """

    def __init__(self, registry: EcrHost, docker_config: Path) -> None:
        self.registry, self.docker_config = registry, docker_config
        self._expires = datetime.fromtimestamp(0, UTC)

    def environment(self) -> dict[str, str]:
        """Return environment variables with which `crane` is logged in, after requesting a token if necessary.

        Raises:
            RegistryUnusableError: there are no AWS credentials, or AWS rejects them.
            AccessDeniedError: the role may not request a token.
            RegistryError: AWS does not answer.
        """
        if clock.now() > self._expires - _MARGIN:
            self.renew()
        return {"DOCKER_CONFIG": str(self._folder)}

    def renew(self) -> None:
        """Request a new token; errors as in `environment`."""
        with named_aws_errors(self.registry, "ecr:GetAuthorizationToken"):
            [token] = self.client.get_authorization_token()["authorizationData"]
        login = DockerLogin(self.registry.host, token["authorizationToken"], "a token from AWS")
        write_logins(self._folder, self.docker_config / "config.json", [login])
        self._expires = token["expiresAt"]

    def create_repository(self, name: str) -> bool:
        """Create a repository unless it exists; return whether it was created.

        Model ids are immutable in it, the moving tags are not, images are scanned when they are pushed, and untagged
        images expire. An existing repository is left as it is. Without the permission to look, the push decides.

        Raises:
            AccessDeniedError: the repository does not exist, and the role may not create it.
            RegistryError: AWS does not answer.
        """
        from botocore.exceptions import ClientError

        with named_aws_errors(self.registry, "ecr:CreateRepository"):
            try:
                self.client.describe_repositories(registryId=self.registry.account, repositoryNames=[name])
                return False
            except ClientError as exc:
                if exc.response["Error"]["Code"] == "AccessDeniedException":
                    return False
                if exc.response["Error"]["Code"] != "RepositoryNotFoundException":
                    raise
            self.client.create_repository(
                registryId=self.registry.account,
                repositoryName=name,
                imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                imageTagMutabilityExclusionFilters=[
                    {"filterType": "WILDCARD", "filter": pattern} for pattern in MOVING_TAGS
                ],
                imageScanningConfiguration={"scanOnPush": True},
            )
        with named_aws_errors(self.registry, "ecr:PutLifecyclePolicy"):
            self.client.put_lifecycle_policy(
                registryId=self.registry.account, repositoryName=name, lifecyclePolicyText=json.dumps(LIFECYCLE)
            )
        return True

    @cached_property
    def client(self) -> Any:
        """The client of ECR's API."""
        import boto3

        return boto3.Session(region_name=self.registry.region).client("ecr")

    @cached_property
    def _folder(self) -> Path:
        return temporary_folder("leapline-docker-")


@contextmanager
def named_aws_errors(registry: EcrHost, action: str) -> Iterator[None]:
    """Turn errors of boto3 into errors that name the registry and the remedy.

    Args:
        registry: the registry.
        action: the AWS action that is needed.
    """
    from botocore import exceptions

    thing, expected = f"registry {registry.host}", f"AWS credentials with the permission {action}"
    try:
        yield
    except exceptions.ClientError as exc:
        code, text = exc.response["Error"]["Code"], exc.response["Error"].get("Message", "")
        found = f"{code}: {text}"[:300]
        if code in ("AccessDeniedException", "AccessDenied"):
            fix = f"Allow {action} for this role on account {registry.account}."
            raise AccessDeniedError(thing, found=found, expected=expected, fix=fix) from exc
        if code in ("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"):
            fix = "Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile."
            raise RegistryUnusableError(thing, found=found, expected=expected, fix=fix) from exc
        if code in ("ExpiredTokenException", "ExpiredToken"):
            fix = "Log in again (`aws sso login`), or use a role, whose credentials are renewed."
            raise RegistryUnusableError(thing, found=found, expected=expected, fix=fix) from exc
        raise RegistryError(thing, found=found, expected=expected, fix="Run it again later.") from exc
    except (exceptions.NoCredentialsError, exceptions.ProfileNotFound, exceptions.PartialCredentialsError) as exc:
        fix = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role."
        raise RegistryUnusableError(thing, found=str(exc), expected=expected, fix=fix) from exc
    except exceptions.BotoCoreError as exc:
        fix = "Check the network and the region, then run it again."
        raise RegistryError(thing, found=str(exc)[:300], expected="an answer from AWS", fix=fix) from exc
