"""Lambda: code, version and alias against moto; updates that fail against a scripted service."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.lambda_function import LambdaTarget
from leapline.rollout.platform import Running, Wait
from leapline.rollout.target import parse_targets
from tests.fakes.aws_json import AwsService, aws_service
from tests.rollout.conftest import NEW, OLD, QUICK, FakeImages, SharedLogins, documented_actions

pytestmark = pytest.mark.usefixtures("aws_login")
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture
def aws() -> Iterator[Any]:
    with mock_aws():
        role = boto3.client("iam").create_role(RoleName="scorer", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        client = boto3.client("lambda", region_name="eu-west-1")
        client.create_function(
            FunctionName="score", Role=role, PackageType="Image", Code={"ImageUri": OLD}, Architectures=["arm64"],
            Publish=True,
        )  # fmt: skip
        client.create_alias(FunctionName="score", Name="live", FunctionVersion="1")
        yield client


def score(address: str = "lambda://score/live") -> LambdaTarget:
    return LambdaTarget(parse_targets(address)[0], SharedLogins())


def test_alias_moves_to_a_new_version_with_the_image(aws: Any) -> None:
    target, images = score(), FakeImages()
    before = target.running()
    assert before == Running(OLD, True)
    target.roll_out(target.image(images), before, QUICK)
    assert images.requested == [("arm64", "eu-west-1")]
    assert target.running() == Running(NEW, True)
    assert aws.get_alias(FunctionName="score", Name="live")["FunctionVersion"] == "2"


def test_missing_alias_and_function_are_named(aws: Any) -> None:
    with pytest.raises(DeployUnusableError, match="lambda://score/other: found ResourceNotFoundException"):
        score("lambda://score/other").running()
    with pytest.raises(DeployUnusableError, match="lambda://other/live: found ResourceNotFoundException"):
        score("lambda://other/live").running()


class Scripted:
    """A function with one version; the update of its code ends as `ending` says."""

    def __init__(self, ending: dict[str, str]) -> None:
        self.ending, self.images, self.latest, self.looks = ending, {"1": OLD}, OLD, 0
        self.alias: dict[str, Any] = {"FunctionVersion": "1"}

    def function(self, request: dict[str, Any]) -> Any:
        self.looks += 1
        configuration = {"PackageType": "Image", "State": "Active", "LastUpdateStatus": "Successful"}
        if self.latest == NEW:
            configuration |= {"LastUpdateStatus": "InProgress"} if self.looks < 4 else self.ending
        image = self.images.get(request["Qualifier"], self.latest)
        return {"Configuration": configuration, "Code": {"ImageUri": image}}

    def code(self, request: dict[str, Any]) -> Any:
        self.latest, self.looks = request["ImageUri"], 0
        return {}

    def publish(self, request: dict[str, Any]) -> Any:
        self.images["2"] = self.latest
        return {"Version": "2"}

    def move(self, request: dict[str, Any]) -> Any:
        self.alias = request
        return request

    def actions(self) -> dict[str, Any]:
        path = "/2015-03-31/functions/score"
        return {
            f"GET {path}": self.function, f"PUT {path}/code": self.code, f"POST {path}/versions": self.publish,
            f"GET {path}/aliases/live": lambda _: self.alias, f"PUT {path}/aliases/live": self.move,
        }  # fmt: skip


@pytest.fixture
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsService]:
    with aws_service(Scripted(request.param).actions()) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.address)
        yield service


@pytest.mark.parametrize("scripted", [{}], indirect=True)
def test_version_is_published_after_the_update_is_complete(scripted: AwsService) -> None:
    target = score()
    target.roll_out(NEW, target.running(), QUICK)
    names = [name.rpartition("/")[2] for name, _ in scripted.calls if not name.startswith("GET")]
    assert names == ["code", "versions", "live"]
    actions = {"code": "UpdateFunctionCode", "versions": "PublishVersion", "live": "UpdateAlias"}
    assert {actions[name] for name in names} | {"GetFunction", "GetAlias"} == documented_actions("lambda")
    updated = [name for name, _ in scripted.calls].index("PUT /2015-03-31/functions/score/code")
    assert [name for name, _ in scripted.calls[updated + 1 :]].index("POST /2015-03-31/functions/score/versions") >= 4


@pytest.mark.parametrize(
    ("scripted", "problem"),
    [({"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "The image is not found."}, "The image is not found"),
     ({"State": "Failed", "StateReason": "Exec format error."}, "Exec format error"),
     ({"LastUpdateStatus": "InProgress"}, "not ready after 0 s")],
    indirect=["scripted"],
)  # fmt: skip
def test_alias_stays_when_the_new_code_is_not_usable(scripted: AwsService, problem: str) -> None:
    target = score()
    with pytest.raises(RolloutFailedError, match=f"{problem}.*alias live was not moved"):
        target.roll_out(NEW, target.running(), Wait(0.3, poll_s=0.005) if "not ready" in problem else QUICK)
    assert target.running() == Running(OLD, True)


@pytest.mark.parametrize("scripted", [{}], indirect=True)
def test_second_version_of_an_alias_ends_with_the_rollout(scripted: AwsService) -> None:
    alias = "GET /2015-03-31/functions/score/aliases/live"
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    answers = iter([{"FunctionVersion": "1", "RoutingConfig": weights}] * 2)
    scripted.actions[alias] = lambda _: next(answers)
    target = score()
    before = target.running()
    assert before == Running(OLD, False)
    target.roll_out(OLD, before, QUICK)
    [moved] = scripted.called("PUT /2015-03-31/functions/score/aliases/live")
    assert moved == {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {}}}
