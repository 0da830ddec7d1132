"""An AWS Lambda function: its code is updated by digest, a version published, and the alias moved to it."""

from typing import Any

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.aws import AwsClient
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Images, Running, Wait
from leapline.rollout.target import Target


class LambdaTarget:
    """An alias of a function. The alias moves last, so a version that does not become active serves nobody.

    Args:
        target: function and alias.
        logins: where AWS sessions come from.
    """

    def __init__(self, target: Target, logins: Logins) -> None:
        self.target, self._lambda = target, AwsClient(target, logins, "lambda")
        self._name, self._alias = target.parts["function"], target.parts["alias"]

    def running(self) -> Running:
        """Return the image of the alias's version; not complete while the alias has a second version."""
        alias = self._lambda.call("get_alias", FunctionName=self._name, Name=self._alias)
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {}
        return Running(self._image_of(alias["FunctionVersion"]), not weights)

    def image(self, images: Images) -> str:
        """Return the image in Docker's format for the function's architecture."""
        architecture = (self._configuration().get("Architectures") or ["x86_64"])[0]
        return images.docker({"x86_64": "amd64"}.get(architecture, architecture), self._lambda.region)

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Update the code, publish a version, and move the alias to it."""
        if before.image != image:
            self._update(image, wait)
            version = self._publish(image, wait)
        else:
            version = self._lambda.call("get_alias", FunctionName=self._name, Name=self._alias)["FunctionVersion"]
        everything: dict[str, Any] = {"AdditionalVersionWeights": {}}
        self._lambda.call(
            "update_alias", FunctionName=self._name, Name=self._alias, FunctionVersion=version, RoutingConfig=everything
        )

    def _update(self, image: str, wait: Wait) -> None:
        self._require(wait, "$LATEST", "the update before this one")
        self._lambda.call("update_function_code", FunctionName=self._name, ImageUri=image)
        self._require(wait, "$LATEST", image)

    def _publish(self, image: str, wait: Wait) -> str:
        """Publish a version; Lambda returns the last one if it has the same code."""
        version = str(
            self._lambda.call("publish_version", FunctionName=self._name, Description=image[-256:])["Version"]
        )
        self._require(wait, version, image)
        published = self._image_of(version)
        if published.rpartition("@")[2] != image.rpartition("@")[2]:
            raise RolloutFailedError(
                self.target.name, found=f"version {version} with {published or 'no image'}", expected=image,
                fix="Look for another writer to this function; the alias was not moved.",
            )  # fmt: skip
        return version

    def _require(self, wait: Wait, version: str, what: str) -> None:
        """Wait until a version is active and its last update is complete."""
        if wait.until(lambda: _is_settled(self._configuration(version))):
            configuration = self._configuration(version)
            problem = _problem(configuration)
            if not problem:
                return
        else:
            problem = f"not ready after {wait.timeout_s:.0f} s"
        raise RolloutFailedError(
            self.target.name, found=f"{what}: {problem}; the alias {self._alias} was not moved",
            expected="an active version", fix="Correct the named reason, then deploy again.",
        )  # fmt: skip

    def _configuration(self, version: str = "$LATEST") -> dict[str, Any]:
        configuration = self._lambda.call("get_function", FunctionName=self._name, Qualifier=version)["Configuration"]
        if configuration.get("PackageType", "Image") != "Image":
            raise DeployUnusableError(
                self.target.name, found=f"package type {configuration['PackageType']}", expected="Image",
                fix="Create the function from the scoring image (docs/deployment.md).",
            )  # fmt: skip
        return dict(configuration)

    def _image_of(self, version: str) -> str:
        code = self._lambda.call("get_function", FunctionName=self._name, Qualifier=version)["Code"]
        uri = str(code.get("ImageUri", ""))
        return uri if "@" in uri else str(code.get("ResolvedImageUri", uri))


def _is_settled(configuration: dict[str, Any]) -> bool:
    states = configuration.get("State", "Active"), configuration.get("LastUpdateStatus", "Successful")
    return bool(states[0] != "Pending" and states[1] != "InProgress")


def _problem(configuration: dict[str, Any]) -> str:
    """Return why a version is not usable; empty if it is. An inactive one starts with the next request."""
    if configuration.get("State", "Active") not in ("Active", "Inactive"):
        return str(configuration.get("StateReason") or configuration["State"])
    if configuration.get("LastUpdateStatus", "Successful") != "Successful":
        return str(configuration.get("LastUpdateStatusReason") or configuration["LastUpdateStatus"])
    return ""
