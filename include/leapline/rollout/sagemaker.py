"""A SageMaker endpoint: a model with the new image and a configuration with this model; the rest is copied."""

import json
import re
from hashlib import sha256
from typing import Any

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.aws import AwsClient
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Images, Running, Wait
from leapline.rollout.target import Target


class SageMakerTarget:
    """A real-time endpoint with one model. SageMaker keeps the former fleet until the new one is healthy.

    Args:
        target: its endpoint.
        logins: where AWS sessions come from.
    """

    def __init__(self, target: Target, logins: Logins) -> None:
        self.target, self._sagemaker = target, AwsClient(target, logins, "sagemaker")
        self._name = target.parts["endpoint"]

    def running(self) -> Running:
        """Return the image of the endpoint's model."""
        endpoint = self._endpoint()
        image = self._model(self._variant(self._config(endpoint)))["PrimaryContainer"]["Image"]
        return Running(image, endpoint["EndpointStatus"] == "InService")

    def image(self, images: Images) -> str:
        """Return the image in Docker's format for the architecture of the endpoint's instances."""
        instance = str(self._variant(self._config(self._endpoint())).get("InstanceType", ""))
        return images.docker("arm64" if _is_graviton(instance) else "amd64", self._sagemaker.region)

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Create model and configuration, update the endpoint, and wait until it is in service."""
        if not wait.until(lambda: self._endpoint()["EndpointStatus"] not in ("Updating", "RollingBack", "Creating")):
            raise self._failed(image, "an earlier update has not ended", before)
        config = self._create(self._endpoint(), image)
        if self._endpoint()["EndpointConfigName"] != config:
            self._update(config)
            # SageMaker may still report the former state for a while after an update.
            wait.until(lambda: self._has_begun(config))
        if not wait.until(lambda: self._endpoint()["EndpointStatus"] not in ("Updating", "RollingBack")):
            raise self._failed(image, f"not in service after {wait.timeout_s:.0f} s", before)
        endpoint = self._endpoint()
        if endpoint["EndpointStatus"] != "InService" or endpoint["EndpointConfigName"] != config:
            raise self._failed(image, str(endpoint.get("FailureReason") or endpoint["EndpointStatus"]), before)

    def _update(self, config: str) -> None:
        """Update the endpoint; its number of instances and its way of deploying stay as they were set last."""
        retained = {"RetainDeploymentConfig": True} if "LastDeploymentConfig" in self._endpoint() else {}
        names = {"EndpointName": self._name, "EndpointConfigName": config}
        self._sagemaker.call("update_endpoint", **names, RetainAllVariantProperties=True, **retained)

    def _has_begun(self, config: str) -> bool:
        endpoint = self._endpoint()
        return endpoint["EndpointStatus"] in ("Updating", "RollingBack") or endpoint["EndpointConfigName"] == config

    def _failed(self, image: str, problem: str, before: Running) -> RolloutFailedError:
        return RolloutFailedError(
            self.target.name,
            found=f"{image}: {problem}; SageMaker keeps the instances of {before.image} until an update succeeds",
            expected="the endpoint in service", fix="Read the endpoint's log in CloudWatch, then deploy again.",
        )  # fmt: skip

    def _create(self, endpoint: dict[str, Any], image: str) -> str:
        """Create model and configuration under names that follow from their content; existing ones are used."""
        config = self._config(endpoint)
        variant = self._variant(config)
        former = self._model(variant)
        if former["PrimaryContainer"]["Image"] == image:
            return str(endpoint["EndpointConfigName"])
        container = former["PrimaryContainer"] | {"Image": image}
        model = self._sagemaker.accepted("create_model", former | {"PrimaryContainer": container})
        model["ModelName"] = self._unique_name({**model, "ModelName": None})
        self._create_once("create_model", model)
        variants = [variant | {"ModelName": model["ModelName"]}]
        content = self._sagemaker.accepted("create_endpoint_config", config | {"ProductionVariants": variants})
        content["EndpointConfigName"] = self._unique_name({**content, "EndpointConfigName": None})
        self._create_once("create_endpoint_config", content)
        return str(content["EndpointConfigName"])

    def _create_once(self, action: str, parameters: dict[str, Any]) -> None:
        try:
            self._sagemaker.call(action, **parameters)
        except DeployUnusableError as exc:
            if "already existing" not in exc.found:
                raise

    def _unique_name(self, content: dict[str, Any]) -> str:
        digest = sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self._name[:40].rstrip('-')}-leapline-{digest[:12]}"

    def _endpoint(self) -> dict[str, Any]:
        return self._sagemaker.call("describe_endpoint", EndpointName=self._name)

    def _config(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        name = endpoint["EndpointConfigName"]
        return self._sagemaker.call("describe_endpoint_config", EndpointConfigName=name)

    def _variant(self, config: dict[str, Any]) -> dict[str, Any]:
        variants = config["ProductionVariants"]
        if len(variants) != 1 or config.get("ShadowProductionVariants"):
            raise DeployUnusableError(
                self.target.name, found=f"an endpoint with {len(variants)} variants, or with shadow variants",
                expected="one variant", fix="Use an endpoint with one variant, or a web hook to your own pipeline.",
            )  # fmt: skip
        return dict(variants[0])

    def _model(self, variant: dict[str, Any]) -> dict[str, Any]:
        model = self._sagemaker.call("describe_model", ModelName=variant["ModelName"])
        if not model.get("PrimaryContainer", {}).get("Image"):
            raise DeployUnusableError(
                self.target.name, found="a model without a primary container", expected="one container with an image",
                fix="Create the endpoint from the scoring image (docs/deployment.md).",
            )  # fmt: skip
        return model


def _is_graviton(instance_type: str) -> bool:
    """Return whether an instance such as `ml.c7g.large` or `ml.m6gd.xlarge` has an ARM processor."""
    return re.match(r"ml\.[a-z]+\d+g", instance_type) is not None
