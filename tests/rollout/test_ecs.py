"""ECS: revisions and updates against moto; deployments that fail against a scripted service, as moto completes all."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from leapline.errors import DeployError, DeployUnusableError, RolloutFailedError
from leapline.rollout.ecs import EcsTarget
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Running, Wait
from leapline.rollout.target import parse_targets
from tests.fakes.aws_json import AwsError, AwsService, aws_service
from tests.rollout.conftest import NEW, OLD, QUICK, FakeImages, SharedLogins, documented_actions

pytestmark = pytest.mark.usefixtures("aws_login")


def scorer(address: str = "ecs://prod/scorer") -> EcsTarget:
    return EcsTarget(parse_targets(address)[0], SharedLogins())


@pytest.fixture
def ecs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("ecs", region_name="eu-west-1")
        client.create_cluster(clusterName="prod")
        client.register_task_definition(
            family="scorer", networkMode="awsvpc", cpu="256", memory="512", requiresCompatibilities=["FARGATE"],
            executionRoleArn="arn:aws:iam::123456789012:role/execution", tags=[{"key": "team", "value": "web"}],
            containerDefinitions=[
                {"name": "scorer", "image": OLD, "memory": 512, "environment": [{"name": "LOG", "value": "info"}]},
                {"name": "proxy", "image": "proxy:1", "memory": 64},
            ],
        )  # fmt: skip
        client.create_service(cluster="prod", serviceName="scorer", taskDefinition="scorer", desiredCount=0)
        yield client


def test_new_revision_has_the_image_and_keeps_the_rest(ecs: Any) -> None:
    target = scorer()
    before = target.running()
    assert before.image == OLD
    target.roll_out(target.image(FakeImages()), before, QUICK)
    assert target.running().image == NEW
    service = ecs.describe_services(cluster="prod", services=["scorer"])["services"][0]
    assert service["taskDefinition"].endswith("scorer:2")
    answer = ecs.describe_task_definition(taskDefinition="scorer:2", include=["TAGS"])
    containers = answer["taskDefinition"]["containerDefinitions"]
    assert [c["image"] for c in containers] == [NEW, "proxy:1"]
    assert containers[0]["environment"] == [{"name": "LOG", "value": "info"}]
    assert answer["tags"] == [{"key": "team", "value": "web"}]
    assert answer["taskDefinition"]["executionRoleArn"].endswith("role/execution")


def test_revision_of_an_interrupted_attempt_is_used_again(ecs: Any) -> None:
    definition = ecs.describe_task_definition(taskDefinition="scorer")["taskDefinition"]
    definition["containerDefinitions"][0]["image"] = NEW
    ecs.register_task_definition(family="scorer", containerDefinitions=definition["containerDefinitions"])
    target = scorer()
    target.roll_out(NEW, target.running(), QUICK)
    assert len(ecs.list_task_definitions(familyPrefix="scorer")["taskDefinitionArns"]) == 2


def test_missing_service_and_ambiguous_container_are_named(ecs: Any) -> None:
    with pytest.raises(DeployUnusableError, match="found no active service"):
        scorer("ecs://prod/other").running()
    with pytest.raises(DeployUnusableError, match="containers proxy, scorer; expected a container web"):
        scorer("ecs://prod/scorer/web").running()
    with pytest.raises(DeployUnusableError, match="ClusterNotFoundException"):
        scorer("ecs://nowhere/scorer").running()


class Scripted:
    """An ECS service whose deployments end as `ending` says: "COMPLETED", "FAILED" with a rollback, or never.

    As ECS may, it reports the former state once after an update.
    """

    def __init__(self, ending: str) -> None:
        self.ending, self.revisions, self.current, self.looks = ending, [OLD], 1, 0
        self.former = 1

    def describe(self, request: dict[str, Any]) -> Any:
        self.looks += 1
        state, events = "COMPLETED", list[dict[str, str]]()
        if self.looks == 1:
            return {"services": [self.service(self.former, state, events)]}
        if self.current > 1 and self.looks < 4:
            state = "IN_PROGRESS"
        elif self.current > 1 and self.ending == "FAILED":
            self.current, events = 1, [{"message": "deployment failed: tasks failed to start."}]
        elif self.current > 1 and self.ending != "COMPLETED":
            state = "IN_PROGRESS"
        return {"services": [self.service(self.current, state, events)]}

    def service(self, revision: int, state: str, events: list[dict[str, str]]) -> dict[str, Any]:
        deployment = {"taskDefinition": self.arn(revision), "rolloutState": state}
        return {"status": "ACTIVE", "taskDefinition": self.arn(revision), "runningCount": 2, "desiredCount": 2,
                "deployments": [deployment], "events": events,
                "deploymentConfiguration": {"maximumPercent": 150}}  # fmt: skip

    def definition(self, request: dict[str, Any]) -> Any:
        number = int(request["taskDefinition"].partition(":")[2] or len(self.revisions))
        return {"taskDefinition": self.content(number)}

    def register(self, request: dict[str, Any]) -> Any:
        self.revisions.append(request["containerDefinitions"][0]["image"])
        return {"taskDefinition": self.content(len(self.revisions))}

    def update(self, request: dict[str, Any]) -> Any:
        self.former = self.current
        self.current, self.looks = int(request["taskDefinition"].partition(":")[2]), 0
        return {"service": {}}

    def content(self, number: int) -> dict[str, Any]:
        container = {"name": "scorer", "image": self.revisions[number - 1]}
        return {"taskDefinitionArn": self.arn(number), "family": "scorer", "revision": number,
                "containerDefinitions": [container]}  # fmt: skip

    def arn(self, number: int) -> str:
        return f"scorer:{number}"

    def actions(self) -> dict[str, Any]:
        return {"DescribeServices": self.describe, "DescribeTaskDefinition": self.definition,
                "RegisterTaskDefinition": self.register, "UpdateService": self.update}  # fmt: skip


@pytest.fixture
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsService]:
    with aws_service(Scripted(request.param).actions()) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.address)
        yield service


@pytest.mark.parametrize("scripted", ["COMPLETED"], indirect=True)
def test_deployment_is_awaited_with_the_circuit_breaker_on(scripted: AwsService) -> None:
    target = scorer()
    target.roll_out(NEW, target.running(), QUICK)
    assert target.running() == Running(NEW, True)
    [update] = scripted.called("UpdateService")
    assert update["deploymentConfiguration"] == {
        "maximumPercent": 150, "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    }  # fmt: skip
    assert len(scripted.called("DescribeServices")) > 4
    assert {name for name, _ in scripted.calls} | {"TagResource"} == documented_actions("ecs")


@pytest.mark.parametrize("scripted", ["FAILED"], indirect=True)
def test_deployment_that_the_circuit_breaker_ends_has_failed(scripted: AwsService) -> None:
    target = scorer()
    with pytest.raises(RolloutFailedError, match="service is back at scorer:1"):
        target.roll_out(NEW, target.running(), QUICK)
    assert len(scripted.called("UpdateService")) == 1
    assert target.running() == Running(OLD, True)


@pytest.mark.parametrize("scripted", ["NEVER"], indirect=True)
def test_deployment_that_takes_too_long_is_taken_back(scripted: AwsService) -> None:
    target = scorer()
    with pytest.raises(RolloutFailedError, match="did not become stable"):
        target.roll_out(NEW, target.running(), Wait(0.2, poll_s=0.02))
    assert [call["taskDefinition"] for call in scripted.called("UpdateService")] == ["scorer:2", "scorer:1"]


@pytest.mark.parametrize("scripted", ["COMPLETED"], indirect=True)
@pytest.mark.parametrize(
    ("code", "retriable", "text"),
    [("AccessDeniedException", False, "Allow ecs:UpdateService"), ("ThrottlingException", True, "Run it again later"),
     ("ExpiredTokenException", False, "log in again")],
)  # fmt: skip
def test_rejections_by_aws_name_the_remedy(scripted: AwsService, code: str, retriable: bool, text: str) -> None:
    def reject(_: dict[str, Any]) -> None:
        raise AwsError(code, "no")

    scripted.actions["UpdateService"] = reject
    with pytest.raises(DeployError, match=f"ecs://prod/scorer: found {code}: no.*{text}") as error:
        scorer().roll_out(NEW, Running(OLD), QUICK)
    assert error.value.retriable is retriable


def test_missing_region_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(DeployUnusableError, match=r"ecs://prod/scorer\?region=eu-west-1"):
        EcsTarget(parse_targets("ecs://prod/scorer")[0], Logins()).running()
