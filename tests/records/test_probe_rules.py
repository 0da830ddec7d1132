"""Rules of an image on several platforms: each has to be executed, unless untested ones are published on purpose."""

import pytest

from leapline.evaluation.rules import Rule
from leapline.evaluation.verdict import conclude
from leapline.records.loosened import with_notes
from leapline.records.probe_rules import image_rules
from leapline.serving.execution import Execution, native
from leapline.serving.platform_probe import PlatformReport
from leapline.serving.platforms import host_architecture
from leapline.serving.probe import ProbeReport
from leapline.settings import Settings
from tests.serving.emulators import FOREIGN

NAME = f"probe_platform linux/{FOREIGN}"
NATIVE = PlatformReport(native(), ProbeReport(True, rows=1000, sessions=9, max_difference=0.0, p50_us=90, p99_us=200))
EMULATED = Execution(FOREIGN, ("qemu",), "by emulation (qemu-x 7.2)")
ABSENT = PlatformReport(Execution(FOREIGN, problem="there is no qemu-x on its PATH"), None)


def rules_of(other: PlatformReport, settings: Settings | None = None) -> dict[str, Rule]:
    rules = image_rules(settings or Settings(), {host_architecture(): NATIVE, FOREIGN: other})
    return {rule.name: rule for rule in rules}


def test_platform_that_was_executed_is_judged_like_this_one() -> None:
    rules = rules_of(PlatformReport(EMULATED, ProbeReport(True, rows=1000, sessions=9, max_difference=1e-12)))
    assert list(rules) == ["probe_parity", NAME, "probe_latency"]
    assert all(rule.passed for rule in rules.values())
    assert rules[NAME].value == 1e-12
    assert f"image for linux/{FOREIGN} by emulation (qemu-x 7.2) and Spark on 1000 rows" in rules[NAME].why


def test_platform_that_differs_refuses_the_model() -> None:
    rules = rules_of(PlatformReport(EMULATED, ProbeReport(False, "3 rows differ from Spark")))
    assert not rules[NAME].passed
    assert "by emulation (qemu-x 7.2): 3 rows differ" in rules[NAME].why
    assert not conclude(list(rules.values())).passed


def test_platform_that_was_not_executed_refuses_the_model() -> None:
    rule = rules_of(ABSENT)[NAME]
    assert not rule.passed
    assert "untested, there is no qemu-x on its PATH; install qemu-user-static" in rule.why


def test_untested_platform_is_named_as_not_checked() -> None:
    rule = rules_of(ABSENT, Settings(publish_untested=True))[NAME]
    assert (rule.passed, rule.value) == (True, None)
    assert rule.why == f"image for linux/{FOREIGN}: untested, there is no qemu-x on its PATH; not checked"


def test_run_that_publishes_untested_platforms_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load(publish_untested=True)
    [_, rule, _] = with_notes(list(rules_of(ABSENT, settings).values()), settings, "anna")
    assert rule.note == "loosened by anna: publish_untested is True instead of False"
    monkeypatch.setenv("LEAPLINE_PUBLISH_UNTESTED", "true")
    stricter = Settings.load(publish_untested=False)
    assert {rule.note for rule in with_notes(list(rules_of(ABSENT).values()), stricter, "anna")} == {""}
