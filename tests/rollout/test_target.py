"""The addresses of the setting `deploy`."""

import pytest

from leapline.errors import SettingsError
from leapline.rollout.target import parse_targets


def test_addresses_name_the_parts_of_their_platform() -> None:
    text = (
        "kubernetes://shop/scorer/web?context=eu&timeout=60, ecs://prod/Scorer_1?region=eu-west-1, lambda://score/live,"
        "sagemaker://score, cloudrun://shop-1/europe-west1/score, https://ci.example/a/secret?token=x#connection=ci"
    )
    targets = parse_targets(text)
    assert [t.parts for t in targets] == [
        {"namespace": "shop", "deployment": "scorer", "container": "web"}, {"cluster": "prod", "service": "Scorer_1"},
        {"function": "score", "alias": "live"}, {"endpoint": "score"},
        {"project": "shop-1", "region": "europe-west1", "service": "score"},
        {"url": "https://ci.example/a/secret?token=x"},
    ]  # fmt: skip
    assert (targets[0].timeout_s, targets[1].timeout_s, targets[-1].connection) == (60, 600, "ci")
    assert targets[-1].name == "https://ci.example/..."
    assert "secret" not in targets[-1].key


def test_empty_setting_has_no_targets_and_a_repeated_one_counts_once() -> None:
    assert parse_targets("") == parse_targets(" , ") == parse_targets("none") == []
    assert len(parse_targets("lambda://score/live,lambda://score/live?timeout=5")) == 1


def test_targets_that_differ_have_different_names() -> None:
    regions = parse_targets("lambda://score/live?region=eu-west-1,lambda://score/live?region=us-east-1")
    assert [t.name for t in regions] == ["lambda://score/live?region=eu-west-1", "lambda://score/live?region=us-east-1"]
    assert {t.address for t in regions} == {"lambda://score/live"}
    hooks = parse_targets("https://ci.example/a,https://ci.example/b,https://other.example/a")
    assert [t.name for t in hooks] == [
        "https://ci.example/...",
        "https://ci.example/... (2)",
        "https://other.example/...",
    ]
    assert len({t.key for t in hooks}) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("scorer", r"found scorer; expected one of kubernetes://NAMESPACE/DEPLOYMENT\[/CONTAINER\], ecs://"),
        ("k8s://shop/scorer", "found k8s://shop/scorer; expected one of"),
        ("kubernetes://scorer", r"found kubernetes://scorer; expected kubernetes://NAMESPACE/DEPLOYMENT\[/CONTAINER\]"),
        ("ecs://a/b/c/d", "expected ecs://CLUSTER/SERVICE"),
        ("lambda://score/", "expected lambda://FUNCTION/ALIAS"),
        ("lambda://score/li ve", "expected lambda://FUNCTION/ALIAS"),
        ("ecs://a/b?regoin=x", "the option regoin; expected options connection, image, region, timeout"),
        ("ecs://a/b?timeout=soon", "timeout=soon; expected a whole number of seconds"),
        ("https://user:password@ci.example/x", "found https://ci.example/...; expected .* without user and password"),
    ],
)
def test_wrong_address_is_named_with_the_right_form(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"LEAPLINE_DEPLOY.*{problem}") as error:
        parse_targets(f"lambda://score/live,{text}")
    assert "password@" not in str(error.value)
