"""Checks of the registry: that it answers, that this login may read and push, and what the champion is."""

from leapline.doctor.finding import Finding, NotApplicableError, Status, from_error, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.errors import AccessDeniedError, LeaplineError, RegistryError, RegistryUnusableError
from leapline.formatting import quantity


def answers(subject: Subject) -> Finding:
    """Check that the registry answers."""
    answer = subject.registry_answer
    if isinstance(answer, LeaplineError):
        return from_error(answer)
    return ok(answer.host)


def reads(subject: Subject) -> Finding:
    """Check that the login may read the repository."""
    registry = subject.registry
    try:
        tags = registry.tags()
    except AccessDeniedError as exc:
        if subject.settings.registry_connection_ids or subject.settings.aws_connection:
            raise NotApplicableError(
                "The login is in an Airflow connection; the checks of Airflow examine it."
            ) from exc
        raise
    return ok(
        f"{registry.image}, {quantity(len(tags), 'tag')}"
        if tags
        else f"{registry.image} is empty or does not exist yet"
    )


def push(subject: Subject) -> Finding:
    """Mount a blob of the repository into it again, which needs the same permission as a push and changes nothing."""
    from leapline.serving.push_permission import require_push_permission

    registry = subject.registry
    if subject.settings.registry_connection_ids or subject.settings.aws_connection:
        raise NotApplicableError("The login is in an Airflow connection, which only tasks use.")
    tags = registry.tags()
    if not tags:
        raise NotApplicableError("The repository is empty; the first publication shows whether it may be written.")
    try:
        return ok(require_push_permission(registry, tags[0]))
    except (AccessDeniedError, RegistryUnusableError):
        raise
    except RegistryError as exc:
        return from_error(exc, Status.WARNING)


def more_registries(subject: Subject) -> list[Finding]:
    """Check that the further registries answer and have the same champion."""
    from leapline.deployment.factory import more_registries as further

    if not subject.settings.more_images:
        raise NotApplicableError("LEAPLINE_MORE_REGISTRIES names none.")
    champion = subject.registry.digest("champion")
    findings = []
    for target in further(subject.settings, budget_s=5.0):
        present = target.digest("champion")
        if present == champion:
            findings.append(ok(f"champion {present or 'none yet'}").of(target.image))
        else:
            fix = "The next promotion aligns it; docs/operations.md says when a rollback cannot wait."
            findings.append(
                warning(f"champion {present or 'none'}", expected=f"champion {champion or 'none'}", fix=fix)
                .of(target.image)
            )  # fmt: skip
    return findings


def champion(subject: Subject) -> Finding:
    """Check that registry and ledger name the same champion, and that its signature is valid."""
    from leapline.deployment.factory import champion_digest, trust_of

    registry = subject.registry
    digest = champion_digest(subject.settings, registry)
    if digest is None:
        raise NotApplicableError("No model has been promoted yet.")
    trust_of(subject.settings).require(registry, digest)
    return ok(f"{digest}, as the ledger records")


def deployment(subject: Subject) -> Finding:
    """Check the form of the targets to which a new champion is deployed; the platforms are not asked."""
    from leapline.rollout.target import parse_targets

    targets = parse_targets(subject.settings.deploy)
    if not targets:
        raise NotApplicableError("LEAPLINE_DEPLOY names no target.")
    return ok(", ".join(target.name for target in targets))


def ledger(subject: Subject) -> list[Finding]:
    """Verify the ledger as `leapline ledger verify` does."""
    from leapline.deployment.ledger_report import verify_ledger

    report = verify_ledger(subject.settings, offline=True)
    if report["problems"]:
        fix = "See docs/ledger.md; `leapline ledger verify` shows the same, `leapline ledger accept` goes on with it."
        return [
            problem(f"{fault['kind']}: {fault['where']}: {fault['text']}", expected="a ledger without faults", fix=fix)
            for fault in report["problems"]
        ]
    return [ok(f"{quantity(report['entries'], 'move')} recorded, {report['linked']:,} linked")]


def age(subject: Subject) -> Finding:
    """Check the champion's age, and that it had not to be replaced after an erasure."""
    from leapline.deployment.factory import ledger_of
    from leapline.records.champion_age import retired_champion, stale_champion
    from leapline.records.serving_state import recorded_state

    settings = subject.settings
    state = recorded_state(ledger_of(settings).entries())
    if state.model_id is None:
        raise NotApplicableError("No model has been promoted yet.")
    fix = "Find out why newer models were refused or not promoted: `leapline history`, `leapline models`."
    if sentence := retired_champion(settings, state, subject.now.date()):
        return problem(sentence, expected="a model without their data", fix="Run the pipeline, and promote its model.")
    if sentence := stale_champion(settings, state, subject.yesterday):
        return warning(sentence, expected=f"at most {settings.stale_champion_days} days", fix=fix)
    return ok(f"{state.model_id}, data of {state.data_day}")
