"""Checks of the installed software: Python and its packages, Java, Spark, and the programs in the folder of tools."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from leapline import __version__
from leapline.doctor.finding import Finding, NotApplicableError, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.local.airflow_env import ROOT
from leapline.settings import PREFIX

OLDEST_PYTHON: Final = (3, 11)
OLDEST_JAVA: Final = 17
PROGRAMS: Final = {
    "crane": ("github.com/google/go-containerregistry/cmd/crane", "github.com/google/go-containerregistry"),
    "registry": ("leapline/tools/registry", "github.com/distribution/distribution/v3"),
}
"""Programs of the folder of tools: the Go package that each is compiled from, and the module with its version."""
_SETUP: Final = "Run `make setup`."
_SHOWN: Final = 5


def python(_: Subject) -> Finding:
    """Check the version of Python."""
    state = f"Python {'.'.join(map(str, sys.version_info[:3]))} in {sys.prefix}"
    if sys.version_info < OLDEST_PYTHON:
        expected = f"Python {'.'.join(map(str, OLDEST_PYTHON))} or later"
        return problem(state, expected=expected, fix="Install it, then run `make setup`.")
    return ok(state)


def packages(_: Subject) -> Finding:
    """Compare the installed packages with those that requirements.txt pins."""
    pinned = dict(_pinned(ROOT / "requirements.txt"))
    installed = {name: _installed(name) for name in pinned}
    missing = [f"{name} {pinned[name]}" for name, present in installed.items() if present is None]
    other = [
        f"{name} {present} instead of {pinned[name]}"
        for name, present in installed.items()
        if present is not None and present != pinned[name]
    ]
    expected = f"the {len(pinned)} packages of {ROOT / 'requirements.txt'}"
    if missing:
        return problem(f"not installed: {_some(missing)}", expected=expected, fix=_SETUP)
    if other:
        return warning(_some(other), expected=expected, fix=f"{_SETUP} Other versions are not tested.")
    return ok(f"Leapline {__version__}, {len(pinned)} packages as pinned")


def _pinned(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of each pin that applies to this platform."""
    from packaging.requirements import Requirement

    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        raise NotApplicableError(f"There is no {file}: Leapline was installed without its checkout.") from None
    for line in text.splitlines():
        if "==" in line and not line.startswith((" ", "#", "-")):
            requirement = Requirement(line.split(" #")[0])
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement.name, str(requirement.specifier).removeprefix("==")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def java(_: Subject) -> Finding:
    """Check that there is a Java that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home, "bin", "java")) if home else "java"
    expected, fix = f"Java {OLDEST_JAVA} or later", f"{_SETUP} On other systems than Debian it prints what to install."
    if home:
        fix = f"Correct JAVA_HOME ({home}), or leave it out."
    try:
        done = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=8, check=False)
    except OSError as exc:
        return problem(f"{command}: {exc.strerror or exc}", expected=expected, fix=fix)
    match = re.search(r'version "(\d+)[^"]*"', done.stderr + done.stdout)
    state = f"{match[0] if match else 'no version'} of {command}"
    return ok(state) if match and int(match[1]) >= OLDEST_JAVA else problem(state, expected=expected, fix=fix)


def spark(_: Subject) -> Finding:
    """Check that Spark's jars are those of the installed pyspark: SPARK_HOME may name another Spark."""
    installed, home = _installed("pyspark"), os.environ.get("SPARK_HOME")
    if installed is None:
        return problem("pyspark is not installed", expected="the pinned version", fix=_SETUP)
    if not home:
        return ok(f"Spark {installed}")
    jars = [match[1] for path in Path(home, "jars").glob("spark-core_*.jar")
            if (match := re.fullmatch(r"spark-core_[\d.]+-(.+)\.jar", path.name))]  # fmt: skip
    if jars != [installed]:
        return problem(
            f"SPARK_HOME={home} with Spark {', '.join(jars) or 'nowhere in its folder jars'}",
            expected=f"Spark {installed}, as pyspark",
            fix="Leave SPARK_HOME out, or let it name a Spark of this version.",
        )
    return ok(f"Spark {installed} in {home}")


def spark_master(subject: Subject) -> Finding:
    """Check that the Spark master of the command line has a form that Spark understands, and answers."""
    from leapline.runtime.spark_master import require_answer, require_form

    master = subject.settings.spark_master
    require_form(master, "LEAPLINE_SPARK_MASTER")
    require_answer(master)
    return ok(master)


def spark_jars(subject: Subject) -> Finding:
    """Check that the jars for buckets and for tables in a lake are there, if they are needed."""
    from leapline.runtime.spark_jars import jars_option

    options = jars_option(subject.settings)
    if not options:
        raise NotApplicableError("No bucket and no table in a lake is used.")
    return ok(f"{options['spark.jars'].count(',') + 1} jars")


def scorer(subject: Subject) -> list[Finding]:
    """Check the scorer of this machine, and those that go into images."""
    from leapline.serving.image_platforms import scorers

    binary = subject.settings.tools / "bin" / "scorer"
    return [_scorer(binary), _scorers_of_images(scorers(subject.settings))]


def _scorer(binary: Path) -> Finding:
    expected = f"version {__version__}"
    try:
        done = subprocess.run([str(binary), "version"], capture_output=True, text=True, timeout=8, check=False)
    except OSError as exc:
        return problem(f"{binary}: {exc.strerror or exc}", expected=expected, fix=_SETUP)
    present = done.stdout.strip() or f"exit status {done.returncode}"
    if present != __version__:
        return problem(f"{binary}: {present}", expected=expected, fix=_SETUP)
    return ok(f"version {present}")


def _scorers_of_images(scorers: Mapping[str, Path]) -> Finding:
    missing = [str(path) for path in scorers.values() if not path.is_file()]
    if missing:
        expected = "a scorer for each architecture"
        return problem(f"no {', '.join(missing)}", expected=expected, fix=_SETUP).of("for images")
    return ok(", ".join(scorers)).of("for images")


def cleaner(subject: Subject) -> Finding:
    """Check the program that cleans events inside Spark's tasks."""
    from leapline.events.cleaner.program import PROGRAMS as CLEANERS
    from leapline.events.cleaner.program import current_program

    current_program(subject.settings.tools / CLEANERS.name)  # an error of it is a finding
    return ok(f"version {__version__}")


def platforms(subject: Subject) -> list[Finding]:
    """Check that the scorer of each platform of the image can be executed here, because others are not published."""
    from leapline.serving.execution import PACKAGE
    from leapline.serving.image_platforms import executions

    findings = []
    for arch, how in executions(subject.settings).items():
        finding = ok(how.how)
        if how.problem:
            consequence = "published untested" if subject.settings.publish_untested else "not published"
            fix = f"Install {PACKAGE} (Debian, Ubuntu), or take {arch} out of {PREFIX}PLATFORMS."
            finding = warning(f"{how.problem}; it is {consequence}", expected="an emulator that works", fix=fix)
        findings.append(finding.of(f"linux/{arch}"))
    return findings


def program(name: str, subject: Subject) -> Finding:
    """Compare a program of the folder of tools with the version that include/tools/go.mod pins."""
    from leapline.runtime.go_modules import go_modules, main_package

    binary, (package, module) = subject.settings.tools / "bin" / name, PROGRAMS[name]
    (compiled, origin), pinned = main_package(binary), _pinned_module(module)
    versions = {used.path: used.version for used in (origin, *go_modules(binary))}
    present = versions[module] if compiled == package else f"{origin.version} of {compiled}"
    if pinned is None:
        return ok(f"version {present}")
    if present != pinned:
        return problem(f"{binary}: version {present}", expected=f"version {pinned}", fix=_SETUP)
    return ok(f"version {present}")


def _pinned_module(module: str) -> str | None:
    file = ROOT / "include" / "tools" / "go.mod"
    match = (
        re.search(rf"^(?:require)?\s*{re.escape(module)} v(\S+)", file.read_text(), re.MULTILINE)
        if file.exists()
        else None
    )
    return match[1] if match else None


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
