"""Checks that fail, hang or would print a secret."""

from threading import Event

import pytest

from leapline.doctor.finding import NotApplicableError, Status, ok, problem
from leapline.doctor.runner import Check, run_checks
from leapline.doctor.subject import Subject
from leapline.errors import InputError


def broken(_: Subject) -> None:
    raise RuntimeError("a fault\nof the check")


def refused(_: Subject) -> None:
    raise InputError("landing", found="nothing", expected="events", fix="Look.")


def left_out(_: Subject) -> None:
    raise NotApplicableError("Not here.")


def test_every_check_has_a_result_although_others_fail_or_hang() -> None:
    never = Event()
    checks = [
        Check("a", "broken", broken),
        Check("a", "late", lambda _: never.wait(), limit_s=0.2, late_fix="Wait."),
        Check("a", "refused", refused),
        Check("b", "left out", left_out),
        Check("b", "early", lambda _: [ok("one").of("x"), ok("two").of("y")], early=True),
    ]
    results = run_checks(checks, Subject())
    assert [(r.group, r.name, r.finding.status) for r in results] == [
        ("a", "broken", Status.PROBLEM),
        ("a", "late", Status.PROBLEM),
        ("a", "refused", Status.PROBLEM),
        ("b", "left out", Status.NOT_APPLICABLE),
        ("b", "early x", Status.OK),
        ("b", "early y", Status.OK),
    ]
    texts = [r.finding.found for r in results]
    assert texts[:4] == [
        "RuntimeError: a fault of the check", "no result within 0 s", "landing: nothing", "Not here.",
    ]  # fmt: skip
    assert results[1].finding.fix == "Wait."


def test_secrets_of_settings_and_environment_are_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "LEAPLINE_DEPLOY_WEBHOOK_SECRET": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNA==",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-of-this-machine",
        "PGPASSWORD": "password-of-postgres",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://leapline:p%40ss-of-airflow@db/airflow",
        "AIRFLOW_CONN_MAIN": '{"conn_type": "docker", "password": "password-of-registry"}',
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    text = " ".join([*secrets.values(), "p@ss-of-airflow"])
    check = Check("a", "leaks", lambda _: problem(text, expected=text, fix=text))
    finding = run_checks([check], Subject())[0].finding
    words = ("whsec_", "aws-secret", "password-of-postgres", "p%40ss", "p@ss", "password-of-registry")
    for shown in (finding.found, finding.expected, finding.fix):
        assert not [word for word in words if word in shown]
    assert "@db/airflow" in finding.found, "only the password is hidden"
