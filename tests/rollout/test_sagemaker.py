"""SageMaker, against a scripted service: moto has no UpdateEndpoint."""

from collections.abc import Iterator
from typing import Any

import pytest

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.platform import Running
from leapline.rollout.sagemaker import SageMakerTarget
from leapline.rollout.target import parse_targets
from tests.fakes.aws_json import AwsError, AwsService, aws_service
from tests.rollout.conftest import NEW, OLD, QUICK, FakeImages, SharedLogins, documented_actions

pytestmark = pytest.mark.usefixtures("aws_login")
ROLE = "arn:aws:iam::123456789012:role/scorer"
VARIANT = {"VariantName": "all", "ModelName": "first", "InstanceType": "ml.c7g.large", "InitialInstanceCount": 2}


class Scripted:
    """An endpoint; an update ends well, or rolls back if `fails`. It is reported late, as SageMaker may do."""

    def __init__(self, fails: bool) -> None:
        self.fails, self.looks = fails, 0
        self.models: dict[str, Any] = {
            "first": {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": OLD, "Environment": {"LOG": "info"}}}
        }
        self.configs: dict[str, Any] = {
            "one": {"ProductionVariants": [VARIANT], "KmsKeyId": "key", "ExplainerConfig": {}}
        }
        self.endpoint: dict[str, Any] = {
            "EndpointConfigName": "one", "EndpointStatus": "InService",
            "LastDeploymentConfig": {"AutoRollbackConfiguration": {}},
        }  # fmt: skip
        self.next = ""

    def describe(self, request: dict[str, Any]) -> Any:
        self.looks += 1
        if self.next and self.looks == 2:
            self.endpoint = self.endpoint | {"EndpointStatus": "Updating"}
        if self.next and self.looks > 3:
            state = {"FailureReason": "The ping health check failed."} if self.fails else {}
            name = self.endpoint["EndpointConfigName"] if self.fails else self.next
            self.endpoint |= {"EndpointConfigName": name, "EndpointStatus": "InService"} | state
            self.next = ""
        return self.endpoint | {"EndpointName": request["EndpointName"]}

    def update(self, request: dict[str, Any]) -> Any:
        self.next, self.looks = request["EndpointConfigName"], 0
        return {}

    def create(self, into: dict[str, Any], key: str, request: dict[str, Any]) -> Any:
        if request[key] in into:
            raise AwsError("ValidationException", "Cannot create already existing resource")
        into[request[key]] = request
        return {}

    def actions(self) -> dict[str, Any]:
        return {
            "DescribeEndpoint": self.describe, "UpdateEndpoint": self.update,
            "DescribeEndpointConfig": lambda r: self.configs[r["EndpointConfigName"]],
            "DescribeModel": lambda r: self.models[r["ModelName"]],
            "CreateModel": lambda r: self.create(self.models, "ModelName", r),
            "CreateEndpointConfig": lambda r: self.create(self.configs, "EndpointConfigName", r),
        }  # fmt: skip


@pytest.fixture
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsService]:
    with aws_service(Scripted(getattr(request, "param", False)).actions()) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.address)
        yield service


def score() -> SageMakerTarget:
    return SageMakerTarget(parse_targets("sagemaker://score")[0], SharedLogins())


def test_endpoint_gets_a_configuration_with_a_model_of_the_image(scripted: AwsService) -> None:
    target, images = score(), FakeImages()
    before = target.running()
    assert before == Running(OLD, True)
    target.roll_out(target.image(images), before, QUICK)
    assert images.requested == [("arm64", "eu-west-1")]
    assert target.running() == Running(NEW, True)
    [model], [config] = scripted.called("CreateModel"), scripted.called("CreateEndpointConfig")
    assert model["PrimaryContainer"] == {"Image": NEW, "Environment": {"LOG": "info"}}
    assert model["ExecutionRoleArn"] == ROLE
    assert config["ProductionVariants"] == [VARIANT | {"ModelName": model["ModelName"]}]
    assert (config["KmsKeyId"], config["ExplainerConfig"]) == ("key", {})
    [update] = scripted.called("UpdateEndpoint")
    assert update["RetainAllVariantProperties"], "autoscaling has set the number of instances"
    assert update["RetainDeploymentConfig"]
    assert {name for name, _ in scripted.calls} == documented_actions("sagemaker")


def test_model_and_configuration_of_an_interrupted_attempt_are_used_again(scripted: AwsService) -> None:
    update, scripted.actions["UpdateEndpoint"] = scripted.actions["UpdateEndpoint"], _throttled
    with pytest.raises(Exception, match="ThrottlingException"):
        score().roll_out(NEW, Running(OLD), QUICK)
    scripted.actions["UpdateEndpoint"] = update
    score().roll_out(NEW, Running(OLD), QUICK)
    assert len({call["ModelName"] for call in scripted.called("CreateModel")}) == 1
    assert score().running() == Running(NEW, True)


def _throttled(request: dict[str, Any]) -> None:
    raise AwsError("ThrottlingException", "Rate exceeded")


@pytest.mark.parametrize("scripted", [True], indirect=True)
def test_update_that_sagemaker_rolls_back_has_failed(scripted: AwsService) -> None:
    target = score()
    with pytest.raises(RolloutFailedError, match="The ping health check failed"):
        target.roll_out(NEW, target.running(), QUICK)
    assert target.running() == Running(OLD, True)


@pytest.mark.parametrize(
    ("instance", "arch"), [("ml.m6gd.xlarge", "arm64"), ("ml.c7g.large", "arm64"), ("ml.g5.xlarge", "amd64"),
                           ("ml.m5.large", "amd64"), ("ml.inf1.xlarge", "amd64")]
)  # fmt: skip
def test_architecture_follows_from_the_instance(scripted: AwsService, instance: str, arch: str) -> None:
    config = {"ProductionVariants": [VARIANT | {"InstanceType": instance}]}
    scripted.actions["DescribeEndpointConfig"] = lambda _: config
    images = FakeImages()
    score().image(images)
    assert images.requested == [(arch, "eu-west-1")]


def test_endpoint_with_several_variants_is_rejected(scripted: AwsService) -> None:
    scripted.actions["DescribeEndpointConfig"] = lambda _: {"ProductionVariants": [VARIANT, VARIANT]}
    with pytest.raises(DeployUnusableError, match="2 variants"):
        score().running()
