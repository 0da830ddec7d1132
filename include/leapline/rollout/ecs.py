"""An ECS service: a new revision of its task definition has the image by digest; the circuit breaker restores the old
one."""

from typing import Any, Final

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.aws import AwsClient
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Images, Running, Wait, chosen_container
from leapline.rollout.target import Target

_BREAKER: Final = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


class EcsTarget:
    """An ECS service.

    Args:
        target: its cluster, service and container.
        logins: where AWS sessions come from.
    """

    def __init__(self, target: Target, logins: Logins) -> None:
        self.target, self._ecs = target, AwsClient(target, logins, "ecs")
        self._names = {"cluster": target.parts["cluster"], "service": target.parts["service"]}

    def running(self) -> Running:
        """Return the image of the service's task definition."""
        service = self._service()
        return Running(self._container(self._definition(service["taskDefinition"]))["image"], _is_complete(service))

    def image(self, images: Images) -> str:
        """Return the image for all architectures; the service chooses its own."""
        return images.index()

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Register a revision, update the service and wait for the deployment."""
        former = self._service()["taskDefinition"]
        arn = former if before.image == image else self._register(former, image)
        if arn != former:
            self._update(arn)
            # ECS may still report the former state for a while after an update.
            wait.until(lambda: self._service()["taskDefinition"] == arn)
        is_complete = wait.until(lambda: self._has_ended(arn))
        service = self._service()
        if is_complete and service["taskDefinition"] == arn and _is_complete(service):
            return
        problem = _problem(service, arn)
        if service["taskDefinition"] != former:
            self._update(former)
        state = "it was left as it is" if arn == former else f"the service is back at {former}, {before.image}"
        raise RolloutFailedError(
            self.target.name, found=f"{arn} with {image} did not become stable ({problem}); {state}",
            expected="a completed deployment", fix="Read the events of the service and its stopped tasks.",
        )  # fmt: skip

    def _service(self) -> dict[str, Any]:
        names = {"cluster": self._names["cluster"], "services": [self._names["service"]]}
        active = [s for s in self._ecs.call("describe_services", **names)["services"] if s["status"] == "ACTIVE"]
        if not active:
            raise DeployUnusableError(
                self.target.name, found="no active service of that name", expected="an ECS service",
                fix="Create it (deploy/terraform/aws), or correct LEAPLINE_DEPLOY.",
            )  # fmt: skip
        service: dict[str, Any] = active[0]
        if (controller := service.get("deploymentController", {}).get("type", "ECS")) != "ECS":
            raise DeployUnusableError(
                self.target.name, found=f"deployment controller {controller}", expected="ECS",
                fix="Use the controller ECS, or a web hook that starts your own pipeline.",
            )  # fmt: skip
        return service

    def _definition(self, arn: str) -> dict[str, Any]:
        answer = self._ecs.call("describe_task_definition", taskDefinition=arn, include=["TAGS"])
        tags = {"tags": answer["tags"]} if answer.get("tags") else {}
        return dict(answer["taskDefinition"]) | tags

    def _container(self, definition: dict[str, Any]) -> dict[str, Any]:
        return chosen_container(self.target, definition["containerDefinitions"])

    def _register(self, former: str, image: str) -> str:
        """Return the newest revision if an interrupted attempt has registered it already, otherwise a new one."""
        definition = self._definition(former)
        newest = self._definition(definition["family"])
        if self._container(newest)["image"] == image and newest["revision"] > definition["revision"]:
            return str(newest["taskDefinitionArn"])
        self._container(definition)["image"] = image
        content = self._ecs.accepted("register_task_definition", definition)
        registered = self._ecs.call("register_task_definition", **content)["taskDefinition"]
        return str(registered["taskDefinitionArn"])

    def _update(self, arn: str) -> None:
        configuration = self._service().get("deploymentConfiguration", {}) | _BREAKER
        self._ecs.call("update_service", **self._names, taskDefinition=arn, deploymentConfiguration=configuration)

    def _has_ended(self, arn: str) -> bool:
        service = self._service()
        failed = any(d.get("rolloutState") == "FAILED" for d in service["deployments"] if d["taskDefinition"] == arn)
        return failed or service["taskDefinition"] != arn or _is_complete(service)


def _is_complete(service: dict[str, Any]) -> bool:
    """Whether there is one deployment and all of its tasks run."""
    [first, *others] = service["deployments"] or [{}]
    state = first.get("rolloutState", "COMPLETED")
    return not others and state == "COMPLETED" and service["runningCount"] == service["desiredCount"]


def _problem(service: dict[str, Any], arn: str) -> str:
    for deployment in service["deployments"]:
        if deployment["taskDefinition"] == arn and deployment.get("rolloutStateReason"):
            return str(deployment["rolloutStateReason"])
    events = service.get("events") or []
    return str(events[0]["message"]) if events else "no event gives a reason"
