"""All checks of an installation, in the order of the report."""

from functools import partial
from typing import Final

from leapline.doctor import airflow, configuration, events, keys, lake, machine, registry, software
from leapline.doctor.finding import Status
from leapline.doctor.runner import Check, Result, run_checks
from leapline.doctor.subject import Subject

_NETWORK: Final = "Check the address and the network; a firewall may swallow the packets."

CHECKS: Final = (
    Check("Software", "Python", software.python),
    Check("Software", "packages", software.packages),
    Check("Software", "Java", software.java),
    Check("Software", "Spark", software.spark),
    Check("Software", "Spark master", software.spark_master, limit_s=35.0, late_fix=_NETWORK),
    Check("Software", "Spark jars", software.spark_jars),
    Check("Software", "scorer", software.scorer),
    Check("Software", "cleaner", software.cleaner),
    Check("Software", "platforms", software.platforms, limit_s=90.0),
    *(Check("Software", name, partial(software.program, name)) for name in software.PROGRAMS),
    Check("Settings", "installation", configuration.installation),
    Check("Settings", "file of settings", configuration.env_file),
    Check("Settings", "variables", configuration.values),
    Check("Settings", "mapping and features", configuration.specs, limit_s=20.0),
    Check("Keys", "pseudonym key", configuration.pseudonym_key),
    Check("Keys", "signing key", keys.signing_key),
    Check("Keys", "accepted keys", keys.accepted_keys, limit_s=20.0, late_fix=_NETWORK),
    Check("Keys", "Airflow's files", airflow.files),
    Check("Machine", "free space", machine.disk_space),
    Check("Machine", "clock", machine.clock, limit_s=20.0),
    Check("Machine", "port", machine.ports),
    Check("Events", "source", events.source, limit_s=30.0, late_fix=_NETWORK),
    Check("Lake", "writes", lake.writable, limit_s=20.0, late_fix=_NETWORK),
    Check("Lake", "permissions", lake.permissions),
    Check("Lake", "documents", lake.documents, limit_s=20.0, late_fix=_NETWORK),
    Check("Lake", "formats", lake.formats, limit_s=20.0, late_fix=_NETWORK),
    Check("Lake", "last run", events.last_runs, limit_s=20.0, late_fix=_NETWORK),
    Check("Registry", "answer", registry.answers, limit_s=15.0, late_fix=_NETWORK),
    Check("Registry", "read", registry.reads, limit_s=15.0, late_fix=_NETWORK),
    Check("Registry", "push", registry.push, limit_s=30.0, late_fix=_NETWORK),
    Check("Registry", "further registries", registry.more_registries, limit_s=30.0, late_fix=_NETWORK),
    Check("Champion", "ledger", registry.ledger, limit_s=20.0, late_fix=_NETWORK),
    Check("Champion", "tag", registry.champion, limit_s=40.0, late_fix=_NETWORK),
    Check("Champion", "age", registry.age, limit_s=20.0, late_fix=_NETWORK),
    Check("Champion", "deployment", registry.deployment),
    Check("Airflow", "", airflow.airflow, limit_s=airflow.LIMIT_S, early=True),
)
"""A limit covers the time-outs of the code that the check calls, so that its own error is shown."""


def examine() -> list[Result]:
    """Examine the installation of the working directory; return all findings."""
    return run_checks(CHECKS, Subject())


def has_problem(results: list[Result]) -> bool:
    """Return whether something prevents or endangers runs."""
    return any(result.finding.status is Status.PROBLEM for result in results)
