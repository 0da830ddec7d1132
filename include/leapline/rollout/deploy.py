"""Deploy the champion to every target of the setting `deploy`.

    lock -> read the tag `champion` -> each target: runs it already? -> roll out, wait -> record
                                           |                              |
                                           +-> left alone                 +-> failed: the former image is restored

The targets are deployed at the same time, so that a rollback takes as long as the slowest of them, and one that fails
does not hold up the others.

What is deployed is what `champion` names at that time, not what a run has promoted: a rollback that happens meanwhile
wins. A rollout that waits looks at the tag too, and makes way for the deployment of the new champion.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, Literal

from leapline.errors import DeployError, DeployUnusableError, LeaplineError
from leapline.rollout.champion import Champion, TargetImages
from leapline.rollout.cloud_run import CloudRunTarget
from leapline.rollout.ecs import EcsTarget
from leapline.rollout.kubernetes import KubernetesTarget
from leapline.rollout.lambda_function import LambdaTarget
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Platform, Running, Wait
from leapline.rollout.records import Record, read_records, write_record
from leapline.rollout.sagemaker import SageMakerTarget
from leapline.rollout.target import WEB_HOOKS, Target, parse_targets
from leapline.rollout.web_hook import Delivery, WebHookTarget
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.storage.store import Store

LOCK: Final = "deployment.lock"
_PARALLEL: Final = 8
_PLATFORMS: Final[dict[str, type[Any]]] = {
    "kubernetes": KubernetesTarget,
    "ecs": EcsTarget,
    "lambda": LambdaTarget,
    "sagemaker": SageMakerTarget,
    "cloudrun": CloudRunTarget,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """The outcome at one target.

    Attributes:
        target: its name.
        state: "deployed", "unchanged", "failed", or in a dry run "differs".
        before: digest that it ran before; the image with its tag if it has no digest; None if it is not known.
        after: the same after the deployment; in a dry run what it would run.
        seconds: duration.
        error: of a failure.
    """

    target: str
    state: Literal["deployed", "unchanged", "failed", "differs"]
    before: str | None
    after: str | None
    seconds: float
    error: LeaplineError | None = None

    def report(self) -> dict[str, Any]:
        """Return it as plain data."""
        content = {"state": self.state, "before": self.before, "after": self.after, "seconds": self.seconds}
        return content | ({"error": str(self.error)} if self.error else {})

    def __str__(self) -> str:
        if self.state == "failed":
            reason = str(self.error).removeprefix(f"{self.target}: ")
            return f"{self.target} runs {self.after or 'an unknown image'}: {reason}"
        verb = {"deployed": "now runs", "unchanged": "runs already", "differs": "would run"}[self.state]
        return f"{self.target} {verb} {self.after}" + ("" if self.state == "unchanged" else f", before {self.before}")


def deploy_champion(
    settings: Settings, run_id: str, logins: Logins | None = None, *, dry_run: bool = False, poll_s: float | None = None
) -> dict[str, Any]:
    """Make every target run the champion.

    Args:
        settings: name the targets.
        run_id: the run that deploys, for the records.
        logins: to the platforms; those of the environment if None.
        dry_run: change nothing, report what would change.
        poll_s: seconds between two looks at a rollout.

    Returns:
        `{"model_id", "digest", "targets": {name: {"state", "before", "after", "seconds"}}, "why"}`.

    Raises:
        SettingsError: the setting `deploy` is wrong.
        DeployError: targets failed; one line for each. The others run the champion.
        RegistryError: the registry does not answer; nothing was changed.
    """
    targets, store = parse_targets(settings.deploy), lake_of(settings).store
    with store.lock(LOCK):
        champion = Champion.current(settings)
        deployment = _Deployment(settings, champion, store, run_id, logins or Logins(), poll_s)
        with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            outcomes = list(pool.map(deployment.preview if dry_run else deployment.deploy, targets))
    for outcome in outcomes:
        _log.log(logging.ERROR if outcome.error else logging.INFO, "%s", outcome)
    _raise_failures(champion, outcomes)
    return {
        "model_id": champion.model_id,
        "digest": champion.digest,
        "targets": {outcome.target: outcome.report() for outcome in outcomes},
        "why": _sentence(champion, outcomes),
    }


@dataclass(frozen=True)
class _Deployment:
    settings: Settings
    champion: Champion
    store: Store
    run_id: str
    logins: Logins
    poll_s: float | None
    publishing: Lock = field(default_factory=Lock)

    def deploy(self, target: Target) -> Outcome:
        started, before = time.monotonic(), None
        try:
            platform = self._platform(target)
            before = platform.running()
            image = self._image(platform, target)
            state: Literal["deployed", "unchanged"] = "unchanged"
            if not _runs(before, image):
                platform.roll_out(image, before, self._wait(target))
                state = "deployed"
        except LeaplineError as exc:
            return Outcome(target.name, "failed", _digest(before), self._now(target), _since(started), exc)
        outcome = Outcome(target.name, state, _digest(before), Running(image).digest, _since(started))
        self._record(target, image, outcome)
        return outcome

    def preview(self, target: Target) -> Outcome:
        started, before = time.monotonic(), None
        try:
            platform = self._platform(target)
            before = platform.running()
            image = self._image(platform, target)
        except LeaplineError as exc:
            return Outcome(target.name, "failed", _digest(before), _digest(before), _since(started), exc)
        state: Literal["unchanged", "differs"] = "unchanged" if _runs(before, image) else "differs"
        return Outcome(target.name, state, _digest(before), Running(image).digest, _since(started))

    def _platform(self, target: Target) -> Platform:
        if target.scheme in WEB_HOOKS:
            return self._web_hook(target)
        platform: Platform = _PLATFORMS[target.scheme](target, self.logins)
        return platform

    def _web_hook(self, target: Target) -> Platform:
        connection, setting = self.logins.connection(target), self.settings.deploy_webhook_secret
        secret = connection.password if connection else setting.get_secret_value() if setting else ""
        record = read_records(self.store).get(target.key)
        return WebHookTarget(target, secret, Delivery(record.image, record.when) if record else Delivery())

    def _image(self, platform: Platform, target: Target) -> str:
        with self.publishing:  # Two targets may need the same image in Docker's format, which the first publishes.
            return platform.image(TargetImages(self.champion, target.options.get("image", ""), target.name))

    def _wait(self, target: Target) -> Wait:
        wait = Wait(target.timeout_s, self.champion.moved_to)
        return wait if self.poll_s is None else Wait(target.timeout_s, self.champion.moved_to, self.poll_s)

    def _now(self, target: Target) -> str | None:
        try:
            return _digest(self._platform(target).running())
        except LeaplineError:
            return None

    def _record(self, target: Target, image: str, outcome: Outcome) -> None:
        present = read_records(self.store).get(target.key)
        if outcome.state == "unchanged" and present and present.image == image:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        record = Record(target.name, self.champion.model_id, image, self.run_id, now, outcome.seconds)
        write_record(self.store, target.key, record)


def _runs(running: Running, image: str) -> bool:
    return running.complete and running.digest == Running(image).digest


def _digest(running: Running | None) -> str | None:
    return running.digest or None if running else None


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _sentence(champion: Champion, outcomes: Sequence[Outcome]) -> str:
    count = {
        state: sum(outcome.state == state for outcome in outcomes) for state in ("deployed", "unchanged", "differs")
    }
    parts = [f"{count['deployed']} deployed" if count["deployed"] else "",
             f"{count['differs']} would be deployed" if count["differs"] else "",
             f"{count['unchanged']} unchanged" if count["unchanged"] else ""]  # fmt: skip
    return f"{champion.model_id} runs at every target ({', '.join(filter(None, parts))})"


def _raise_failures(champion: Champion, outcomes: Sequence[Outcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return
    kind = DeployError if any(o.error and o.error.retriable for o in failed) else DeployUnusableError
    lines = "\n  ".join(map(str, failed))
    raise kind(
        f"deployment of {champion.model_id} ({champion.digest})",
        found=f"{len(failed)} of {len(outcomes)} targets without it",
        expected="it at each",
        fix="Correct what follows, then clear this task or run `leapline deploy`; targets that run it are left alone."
        f"\n  {lines}",
    )
