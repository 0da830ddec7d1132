"""What the targets at AWS share: sessions, and errors that name the remedy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from leapline.errors import DeployError, DeployUnusableError
from leapline.rollout.logins import Logins
from leapline.rollout.target import Target

_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized")
_LOGIN: Final = (
    "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "ExpiredTokenException",
    "ExpiredToken", "InvalidAccessKeyId",
)  # fmt: skip
_RETRIABLE: Final = (
    "ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceException", "ServerException",
    "InternalFailure", "ServiceUnavailable", "RequestLimitExceeded", "ResourceConflictException",
    "UpdateInProgressException", "ResourceInUseException", "PreconditionFailedException",
)  # fmt: skip


class AwsClient:
    """A client of one AWS service for a target, made when it is first used.

    Args:
        target: names region and connection.
        logins: where sessions come from.
        service: boto3's name of the service; also the prefix of its actions in IAM policies.
    """

    def __init__(self, target: Target, logins: Logins, service: str) -> None:
        self._target, self._logins, self._service = target, logins, service
        self._client: Any = None

    @property
    def region(self) -> str:
        """The region of the client."""
        with aws_errors(self._target, self._service):
            return str(self._connected().meta.region_name)

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an action.

        Args:
            action: boto3's name of it, such as `describe_services`.
            **parameters: those of the action.

        Raises:
            DeployUnusableError: no permission, no such resource, or no credentials.
            DeployError: AWS is busy or does not answer.
        """
        with aws_errors(self._target, f"{self._service}:{''.join(map(str.capitalize, action.split('_')))}"):
            answer: dict[str, Any] = getattr(self._connected(), action)(**parameters)
        return answer

    def accepted(self, action: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return those fields of a description that an action accepts as parameters, so that it can be repeated.

        Args:
            action: boto3's name of it, such as `register_task_definition`.
            content: what the service has described.
        """
        with aws_errors(self._target, self._service):
            meta = self._connected().meta
        names = meta.service_model.operation_model(meta.method_to_api_mapping[action]).input_shape.members
        return {name: value for name, value in content.items() if name in names}

    def _connected(self) -> Any:
        if self._client is None:
            session = self._logins.aws_session(self._target, self._target.options.get("region"))
            self._client = session.client(self._service)
        return self._client


@contextmanager
def aws_errors(target: Target, action: str) -> Iterator[None]:
    """Turn errors of boto3 into errors that name the target and the remedy.

    Args:
        target: the target.
        action: the AWS action that is needed.
    """
    from botocore import exceptions

    thing = target.name
    try:
        yield
    except exceptions.ClientError as exc:
        code, text = exc.response["Error"]["Code"], exc.response["Error"].get("Message", "")
        problem, status = f"{code}: {text}"[:400], exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        if code in _DENIED:
            fix = f"Allow {action} for this role (docs/deployment.md)."
            raise DeployUnusableError(thing, found=problem, expected=f"the permission {action}", fix=fix) from exc
        if code in _LOGIN:
            fix = "Correct the credentials, log in again, or use a role, whose credentials are renewed."
            raise DeployUnusableError(thing, found=problem, expected="valid AWS credentials", fix=fix) from exc
        if code in _RETRIABLE or status >= 500:
            raise DeployError(thing, found=problem, expected=f"{action} accepted", fix="Run it again later.") from exc
        fix = "Correct the named resource, or LEAPLINE_DEPLOY (docs/deployment.md)."
        raise DeployUnusableError(thing, found=problem, expected=f"{action} accepted", fix=fix) from exc
    except exceptions.NoRegionError as exc:
        fix = f"Add it: {target.name}?region=eu-west-1; or set AWS_REGION."
        raise DeployUnusableError(thing, found="no AWS region", expected="a region", fix=fix) from exc
    except (exceptions.NoCredentialsError, exceptions.ProfileNotFound, exceptions.PartialCredentialsError) as exc:
        fix = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role."
        raise DeployUnusableError(thing, found=str(exc), expected="AWS credentials", fix=fix) from exc
    except exceptions.ParamValidationError as exc:
        fix = "Correct LEAPLINE_DEPLOY."
        raise DeployUnusableError(thing, found=str(exc)[:300], expected="valid parameters", fix=fix) from exc
    except exceptions.BotoCoreError as exc:
        fix = "Check the network and the region, then run it again."
        raise DeployError(thing, found=str(exc)[:300], expected="an answer from AWS", fix=fix) from exc
