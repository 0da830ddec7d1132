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
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from leapline import clock
from leapline.rollout.champion import Champion, TargetImages
from leapline.rollout.cloud_run import CloudRunTarget
from leapline.rollout.ecs import EcsTarget
from leapline.rollout.kubernetes import KubernetesTarget
from leapline.rollout.lambda_function import LambdaTarget
from leapline.rollout.logins import Logins
from leapline.rollout.outcomes import Outcome, State, as_error, require_success, sentence
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
    with nullcontext() if dry_run else store.lock(LOCK):
        champion = Champion.current(settings)
        deployment = _Deployment(settings, champion, store, run_id, logins or Logins(), dry_run, poll_s)
        with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            outcomes = list(pool.map(deployment.outcome, targets))
    for outcome in outcomes:
        _log.log(logging.ERROR if outcome.error else logging.INFO, "%s", outcome)
    require_success(champion.model_id, champion.digest, outcomes)
    return {
        "model_id": champion.model_id,
        "digest": champion.digest,
        "targets": {outcome.target: outcome.report() for outcome in outcomes},
        "why": sentence(champion.model_id, outcomes),
    }


@dataclass(frozen=True)
class _Deployment:
    """One deployment of a champion; the fields are those of `deploy_champion`."""

    settings: Settings
    champion: Champion
    store: Store
    run_id: str
    logins: Logins
    dry_run: bool
    poll_s: float | None
    publishing: Lock = field(default_factory=Lock)

    def outcome(self, target: Target) -> Outcome:
        """Deploy to a target, or in a dry run look at it; return its outcome, whatever happens."""
        started, before = time.monotonic(), None
        try:
            platform = self._platform(target)
            before = platform.running()
            image = self._image(platform, target)
            state = self._deploy(target, platform, before, image, started)
            return Outcome(target.name, state, _digest(before), Running(image).digest, _since(started))
        except Exception as exc:
            error = as_error(target, exc)
            return Outcome(target.name, "failed", _digest(before), self._now(target), _since(started), error)

    def _deploy(self, target: Target, platform: Platform, before: Running, image: str, started: float) -> State:
        runs = before.complete and before.digest == Running(image).digest
        if self.dry_run:
            return "unchanged" if runs else "differs"
        if not runs:
            platform.roll_out(image, before, self._wait(target))
        self._record(target, image, _since(started), is_new=not runs)
        return "unchanged" if runs else "deployed"

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
            repository = target.options.get("image", "")
            return platform.image(TargetImages(self.champion, repository, target.name, publish=not self.dry_run))

    def _wait(self, target: Target) -> Wait:
        wait = Wait(target.timeout_s, self.champion.moved_to)
        return wait if self.poll_s is None else Wait(target.timeout_s, self.champion.moved_to, self.poll_s)

    def _now(self, target: Target) -> str | None:
        try:
            return _digest(self._platform(target).running())
        except Exception:  # The error of the deployment is reported; this one would be the same.
            return None

    def _record(self, target: Target, image: str, seconds: float, is_new: bool) -> None:
        present = read_records(self.store).get(target.key)
        if present and present.image == image and not is_new:
            return
        now = clock.now().isoformat(timespec="seconds")
        record = Record(target.name, self.champion.model_id, image, self.run_id, now, seconds)
        write_record(self.store, target.key, record)


def _digest(running: Running | None) -> str | None:
    return running.digest or None if running else None


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
