"""The rules of an image: it reproduces Spark on every platform that it is published for, and is fast on this one."""

from collections.abc import Mapping

from leapline.evaluation.rules import Rule, at_most, below, refuse, skip
from leapline.serving.execution import PACKAGE
from leapline.serving.platform_probe import PlatformReport
from leapline.serving.platforms import host_architecture
from leapline.serving.probe import ProbeReport
from leapline.settings import PREFIX, Settings


def image_rules(settings: Settings, reports: Mapping[str, PlatformReport]) -> list[Rule]:
    """Return the rules of an image.

    Args:
        settings: with the limits.
        reports: by architecture, this machine's among them.
    """
    host = host_architecture()
    others = {arch: report for arch, report in reports.items() if arch != host}
    rules = [_platform_rule(settings, arch, report) for arch, report in sorted(others.items())]
    report = reports[host].report or ProbeReport(False, reports[host].execution.problem)
    return [_parity("probe_parity", "image", report, settings), *rules, _latency(settings, report)]


def sessions_of(report: ProbeReport) -> str:
    """Return the number of compared sessions and items as a part of a sentence."""
    return f"{report.sessions:,} sessions" + (f" with {report.items:,} items" if report.items else "")


def _platform_rule(settings: Settings, arch: str, platform: PlatformReport) -> Rule:
    name = f"probe_platform linux/{arch}"
    if platform.report:
        return _parity(name, f"image for linux/{arch} {platform.execution.how}", platform.report, settings)
    why = f"image for linux/{arch}: untested, {platform.execution.problem}"
    if settings.publish_untested:
        return skip(name, "executed before it is published", why)
    fix = f"install {PACKAGE} on the workers that run `package` and `probe`, or set {PREFIX}PUBLISH_UNTESTED=true"
    return refuse(name, "executed before it is published", f"{why}; {fix}")


def _parity(name: str, image: str, report: ProbeReport, settings: Settings) -> Rule:
    if not report.passed:
        where = f"{image}: " if name != "probe_parity" else ""
        return refuse(name, f"at most {settings.probe_tolerance:g}", where + report.reason)
    noun = f"greatest difference between {image} and Spark on {report.rows} rows and {sessions_of(report)}"
    return at_most(name, report.max_difference, settings.probe_tolerance, noun)


def _latency(settings: Settings, report: ProbeReport) -> Rule:
    p99 = report.p99_us / 1e3 if report.p99_us is not None else None
    noun = "p99 latency of one-row requests to the image, ms"
    return below("probe_latency", p99, settings.max_latency_ms, noun, "it is too slow", report.reason)
