"""The Terraform files: form, references, and agreement with what Leapline does itself."""

import re
import shutil
import subprocess
from functools import cache
from typing import Any

import hcl2
import pytest

from leapline.serving.ecr import LIFECYCLE, MOVING_TAGS
from leapline.settings import PREFIX, Settings
from tests.conftest import ROOT
from tests.rollout.conftest import documented_actions

pytestmark = pytest.mark.deployment_files
FOLDER = ROOT / "deploy" / "terraform" / "aws"
FILES = sorted(FOLDER.glob("*.tf"))


@cache
def blocks(kind: str) -> dict[str, Any]:
    """Return the blocks of a kind by their address: `aws_s3_bucket.lake`, `name`."""
    result: dict[str, Any] = {}
    for path in FILES:
        for block in hcl2.loads(path.read_text()).get(kind, []):
            for label, content in block.items():
                name = label.strip('"')
                nested = kind in ("resource", "data")
                result |= {f"{name}.{key.strip(chr(34))}": value for key, value in content.items() if nested}
                result |= {} if nested else {name: content}
    return result


@cache
def statements(policy: str) -> dict[str, Any]:
    """Return the statements of a policy document by their sid."""
    return {s["sid"].strip('"'): s for s in blocks("data")[f"aws_iam_policy_document.{policy}"]["statement"]}


def texts(values: list[str]) -> set[str]:
    return {value.strip('"') for value in values}


def test_files_are_formatted() -> None:
    terraform = shutil.which("tofu") or shutil.which("terraform")
    if not terraform:
        pytest.skip("TERRAFORM ABSENT: neither tofu nor terraform is on PATH; the format was not checked")
    done = subprocess.run([terraform, f"-chdir={FOLDER}", "fmt", "-check", "-diff"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_reference_resolves() -> None:
    locals_ = {key for path in FILES for block in hcl2.loads(path.read_text()).get("locals", []) for key in block}
    locals_ -= {"__is_block__"}
    declared = {f"var.{name}" for name in blocks("variable")} | {f"local.{name}" for name in locals_}
    declared |= set(blocks("resource")) | {f"data.{name}" for name in blocks("data")}
    text = re.sub(r"#.*", "", "\n".join(path.read_text() for path in FILES))
    used = set(re.findall(r"(?<![\w.\"])(?:var|local|data\.aws_\w+|aws_\w+)\.\w+", text))
    assert used - declared == set()
    assert {name for name in declared if name.startswith(("var.", "local."))} - used == set()


def test_variables_and_outputs_are_described() -> None:
    entries = blocks("variable") | blocks("output")
    assert [name for name, content in entries.items() if not content.get("description")] == []


def test_repository_is_the_one_that_leapline_creates() -> None:
    repository = blocks("resource")["aws_ecr_repository.scorer"]
    assert repository["image_tag_mutability"].strip('"') == "IMMUTABLE_WITH_EXCLUSION"
    patterns = [entry["filter"].strip('"') for entry in repository["image_tag_mutability_exclusion_filter"]]
    assert tuple(patterns) == MOVING_TAGS
    text = (FOLDER / "registry.tf").read_text()
    rule = LIFECYCLE["rules"][0]
    assert str(rule["selection"]["countNumber"]) in re.findall(r"countNumber = (\d+)", text)
    assert set(rule["selection"].values()) <= set(re.findall(r'= "?(\w+)"?$', text, re.MULTILINE)) | {30}


def test_role_of_the_pipeline_has_the_documented_permissions() -> None:
    sids = statements("pipeline")
    deploy = {action for sid, s in sids.items() if sid.startswith("Deploy") for action in texts(s["actions"])}
    assert deploy == {f"ecs:{name}" for name in documented_actions("ecs")} | {"iam:PassRole"}
    page = (ROOT / "docs/platforms.md").read_text().split("## Amazon ECR")[1]
    publish = {action.partition(":")[2] for action in texts(sids["Publish"]["actions"])}
    assert publish <= set(re.findall(r"`(?:ecr:)?([A-Z]\w+)`", page))
    lake = texts(sids["ListLake"]["actions"]) | texts(sids["WriteLake"]["actions"])
    assert lake == set(re.findall(r"`(s3:[A-Z]\w+)`", (ROOT / "docs/s3.md").read_text()))


def test_only_actions_without_resources_are_allowed_everywhere() -> None:
    wide = {sid for sid, s in statements("pipeline").items() if "*" in texts(s["resources"])}
    assert wide == {"RegistryLogin", "DeployDefinition"}
    assert not [action for s in statements("pipeline").values() for action in texts(s["actions"]) if "*" in action]


def test_settings_in_the_output_exist() -> None:
    names = set(re.findall(rf"{PREFIX}([A-Z_0-9]+)=", (FOLDER / "outputs.tf").read_text()))
    assert {name.lower() for name in names} <= set(Settings.model_fields)
    assert {"LAKE", "LANDING", "REGISTRY", "REPOSITORY", "DEPLOY"} <= names


def test_apply_does_not_undo_a_deployment() -> None:
    [lifecycle] = blocks("resource")["aws_ecs_service.scorer"]["lifecycle"]
    assert {str(name).strip("${}") for name in lifecycle["ignore_changes"]} == {"task_definition", "desired_count"}
