"""Checks of the machine: free space, clock, and ports."""

import shutil
import tempfile
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from leapline.doctor.airflow import airflow_of
from leapline.doctor.finding import Finding, NotApplicableError, from_error, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.errors import PortTakenError
from leapline.serving.registry import LOOPBACK

GIB: Final = 2**30
LEAST_FREE: Final = 1 * GIB
"""Below this even a small day does not fit: Spark's intermediate files, its results, and the image."""
FEW_FREE: Final = 5 * GIB
_RESOLUTION_S: Final = 2.0
"""Answers have whole seconds, and take some time."""
SKEW_WARNING_S: Final = 30.0
SKEW_PROBLEM_S: Final = 300.0
"""Tokens of registries are valid for about five minutes; S3 refuses requests from 15 minutes on."""


def disk_space(subject: Subject) -> list[Finding]:
    """Check the free space of the lake's folder and of temporary files."""
    places = {"lake": subject.settings.home, "temporary files": Path(tempfile.gettempdir())}
    return [_free(path).of(name) for name, path in places.items()]


def _free(path: Path) -> Finding:
    present = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(present).free
    state, fix = f"{free / GIB:.1f} GiB free in {present}", "Free space (docs/operations.md, The disk is full)."
    if free < LEAST_FREE:
        return problem(state, expected=f"at least {LEAST_FREE / GIB:.0f} GiB", fix=fix)
    if free < FEW_FREE:
        return warning(state, expected=f"at least {FEW_FREE / GIB:.0f} GiB", fix=fix)
    return ok(state)


def clock(subject: Subject) -> list[Finding]:
    """Compare this machine's clock with those of the registry and of the S3 service."""
    settings, servers = subject.settings, {}
    if not isinstance(subject.registry_answer, Exception):
        schemes = ("http", "https") if subject.registry.plain_http else ("https",)
        servers["registry"] = [f"{scheme}://{settings.registry}/v2/" for scheme in schemes]
    if settings.uses_buckets:
        region = f".{settings.s3_region}" if settings.s3_region else ""
        servers["S3"] = [settings.s3_endpoint or f"https://s3{region}.amazonaws.com"]
    findings = [_compare(name, addresses) for name, addresses in servers.items()]
    compared = [finding for finding in findings if finding]
    if not compared:
        raise NotApplicableError("No server answered with its time.")
    return compared


def _is_loopback(host: str) -> bool:
    return host.rsplit(":", 1)[0] in LOOPBACK


def _compare(name: str, addresses: list[str]) -> Finding | None:
    for address in addresses:
        server = server_time(address)
        if server is None:
            continue
        skew = (datetime.now(UTC) - server).total_seconds()
        state = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} {address}"
        fix = "Set this machine's clock (NTP: `timedatectl set-ntp true`)."
        if abs(skew) > SKEW_PROBLEM_S:
            return problem(state, expected="clocks that agree: logins and signatures have times", fix=fix).of(name)
        if abs(skew) > SKEW_WARNING_S:
            return warning(state, expected=f"at most {SKEW_WARNING_S:.0f} s", fix=fix).of(name)
        return ok(state if abs(skew) > _RESOLUTION_S else f"agrees with {address}").of(name)
    return None


def server_time(address: str) -> datetime | None:
    """Return the time in a server's answer, UTC, to the second; None without an answer."""
    is_loopback = _is_loopback(address.split("://", 1)[-1].split("/")[0])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({} if is_loopback else None))
    try:
        with opener.open(urllib.request.Request(address, method="HEAD"), timeout=4) as answer:  # noqa: S310 (http, https)
            date = answer.headers["Date"]
    except urllib.error.HTTPError as exc:
        date = exc.headers["Date"]
        exc.close()
    except (OSError, ValueError):
        return None
    return parsedate_to_datetime(date).astimezone(UTC) if date else None


def ports(subject: Subject) -> list[Finding]:
    """Check that the local services have their ports, or could have them."""
    from leapline.local.airflow import check_port
    from leapline.local.ports import require_free
    from leapline.local.registry_service import local_registry

    settings, findings = subject.settings, []
    host, _, port = settings.registry.rpartition(":")
    if host in LOOPBACK and port.isdigit():
        status = local_registry(settings).status()
        if status.running and status.address != settings.registry:
            state = f"the local registry runs at {status.address}"
            fix = f"Set LEAPLINE_REGISTRY={status.address}, or stop it (`leapline registry stop`) and start it again."
            findings.append(problem(state, expected=f"at {settings.registry}", fix=fix).of(port))
        elif status.running:
            findings.append(ok(f"the local registry (process {status.pid})").of(port))
        else:
            try:
                fix = f"set LEAPLINE_REGISTRY={host}:{int(port) + 1}."
                require_free(host, int(port), purpose="the local registry", fix=fix)
                findings.append(ok("free").of(port))
            except PortTakenError as exc:
                findings.append(_taken(exc, subject).of(port))
    if airflow_of(settings).is_local:
        try:
            check_port(airflow_of(settings).instance)
            findings.append(ok("free, or in use by Airflow").of(str(airflow_of(settings).instance.port)))
        except PortTakenError as exc:
            finding = warning(f"{exc.thing}: {exc.found}", expected=exc.expected, fix=exc.fix)
            findings.append(finding.of(str(airflow_of(settings).instance.port)))
    if not findings:
        raise NotApplicableError("No service of this installation listens on this machine.")
    return findings


def _taken(error: PortTakenError, subject: Subject) -> Finding:
    """A registry that somebody else has started, such as that of docker-compose.yaml, may have the port."""
    if isinstance(subject.registry_answer, Exception):
        return from_error(error)
    return ok("a registry that this installation has not started")
