"""The faults of a drill: what is broken before which stage, and from which stage on the run continues."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from leapline.drill.site import DAY, Site
from leapline.errors import LocalServiceError
from leapline.installation import ENV_FILE_VARIABLE
from leapline.local.ports import free_port
from leapline.settings import PREFIX, Settings
from leapline.storage import lake_of

Plant = Callable[[Site], None]
_KILL_WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        stage: the stage that is broken.
        broken: what is broken, in a few words.
        plant: breaks it.
        copy: name of the copy of the lake to begin with, which is called like the last stage that it contains.
        start: the first stage that runs; `stage` if empty.
        overrides: settings of the run.
        repair: undoes what `plant` did outside of the lake.
    """

    stage: str
    broken: str
    plant: Plant
    copy: str
    start: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    repair: Plant = lambda _: None


def faults(site: Site) -> list[Fault]:
    """Return the faults up to the publication, in the order of the stages."""
    champion = str(site.registry.digest("champion"))
    impossible = {"roc_auc_threshold": 1.0}
    return [
        Fault("extract", "a file of the day has another format", _replace_landed, "champion"),
        Fault("check_events", "every file of the day is delivered three times", _deliver_again, "champion", "extract"),
        Fault("featurize", "a bit of the clean events is changed", _flip("events", "*.parquet"), "champion"),
        Fault("train", "a bit of the examples is changed",
              _flip("examples", "*.parquet", DAY - timedelta(days=1)), "champion"),
        Fault("evaluate", "a bit of the model is changed", _flip("candidates", "model.zip"), "train"),
        Fault("gate", "a bit of the scores is changed", _flip("evaluations", "scores.parquet"), "evaluate"),
        Fault("gate", "the model is not good enough", _nothing, "evaluate", overrides=impossible),
        Fault("package", "a refusal is changed to an approval", _forge_verdict, "gate"),
        Fault("package", "the process is killed while it writes the image", _kill_package, "gate", "probe"),
        Fault("probe", "the image is damaged", _damage_image, "package"),
        Fault("probe", "the image answers too slowly", _nothing, "package", overrides={"max_latency_ms": 1e-6}),
        Fault("publish", "the registry is read-only", lambda s: s.service.restart(read_only=True), "probe",
              repair=_restart),
        Fault("publish", "the registry is down", _stop, "probe", repair=_restart),
        Fault("promote", "the registry is down", _stop, "publish", repair=_restart),
        Fault("promote", "an entry of the ledger is changed", _change_ledger, "publish"),
        Fault("promote", "somebody has moved the tag champion", _move_champion, "publish",
              repair=lambda s: s.registry.tag(champion, "champion")),
        Fault("deploy", "the platform does not answer", _nothing, "promote",
              overrides={"deploy": f"http://127.0.0.1:{free_port()}/deploy"}),
    ]  # fmt: skip


def _nothing(_: Site) -> None:
    """Break nothing: the settings of the run do."""


def _stop(site: Site) -> None:
    site.service.stop()


def _restart(site: Site) -> None:
    site.service.restart()


def _landed(site: Site) -> list[Path]:
    """Return the files of events, the largest first, which are those of the two days."""
    files = site.settings.landing_dir.glob("run=*/*.gz")
    return sorted(files, key=lambda path: path.stat().st_size, reverse=True)


def _replace_landed(site: Site) -> None:
    _landed(site)[0].write_bytes(b"PAR1" + bytes(100) + b"PAR1")


def _deliver_again(site: Site) -> None:
    for path in _landed(site):
        for number in (1, 2):
            shutil.copy(path, path.with_name(f"again-{number}-{path.name}"))


def _flip(dataset: str, pattern: str, day: date = DAY) -> Plant:
    """Return a function that changes one bit in the middle of a file of a day's result."""

    def flip(site: Site) -> None:
        folder = Path(str(lake_of(site.settings).current(dataset, day)))
        _change_bit(max(folder.rglob(pattern), key=lambda path: path.stat().st_size))

    return flip


def _change_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _forge_verdict(site: Site) -> None:
    """Let the gate refuse the model, then change its verdict."""
    from leapline.drill.stages import run_stages

    run_stages(site, ["gate"], {"roc_auc_threshold": 1.0})
    path = Path(str(lake_of(site.settings).current("verdicts", DAY))) / "verdict.json"
    verdict = json.loads(path.read_text())
    path.write_text(json.dumps(verdict | {"passed": True}))


def _kill_package(site: Site) -> None:
    """Start the step `package` in a process, and kill it as soon as it writes.

    Raises:
        LocalServiceError: the step ended before.
    """
    attempts = site.settings.home / "packages" / f"date={DAY}"
    before = set(attempts.glob("attempt-*/*"))
    command = [sys.executable, "-m", "leapline.steps.package", "--date", str(DAY), "--run-id", site.run_id]
    child = subprocess.Popen(command, env=_environment(site.settings), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + _KILL_WITHIN_S
    while not set(attempts.glob("attempt-*/*")) - before and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    if child.wait() != -signal.SIGKILL:
        raise LocalServiceError(
            "step package",
            found=f"its end with exit status {child.returncode}",
            expected="a process that can be killed while it writes",
            fix="Run the drill again.",
        )


def _environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a process with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    plain = {
        f"{PREFIX}{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value not in (None, "")
    }
    return kept | {ENV_FILE_VARIABLE: os.devnull} | plain


def _damage_image(site: Site) -> None:
    folder = Path(str(lake_of(site.settings).current("packages", DAY)))
    _change_bit(max((folder / "image" / "blobs").rglob("*"), key=lambda path: path.stat().st_size))


def _change_ledger(site: Site) -> None:
    path = site.settings.home / "ledger.jsonl"
    path.write_text(path.read_text().replace('"action"', '"Action"', 1))


def _move_champion(site: Site) -> None:
    tags = site.state().tags
    other = next(digest for tag, digest in tags.items() if tag.startswith(str(DAY)) and digest != tags["champion"])
    site.registry.tag(str(other), "champion")
