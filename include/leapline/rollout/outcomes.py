"""The outcomes of a deployment, as reports and messages."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from leapline.errors import DeployError, DeployUnusableError, LeaplineError
from leapline.rollout.target import Target

State = Literal["deployed", "unchanged", "failed", "differs"]
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
    state: State
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


def as_error(target: Target, exc: Exception) -> LeaplineError:
    """Return the error of a target; an exception that nobody expected is logged, and becomes an error too."""
    if isinstance(exc, LeaplineError):
        return exc
    _log.error("Deployment to %s", target.name, exc_info=exc)
    return DeployError(
        target.name, found=f"{type(exc).__name__}: {exc}"[:300], expected="an answer in the documented form",
        fix="The log has the traceback; report it if it happens again.",
    )  # fmt: skip


def sentence(model_id: str, outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes of a successful deployment, or of a dry run, as one sentence without a full stop."""
    states = [outcome.state for outcome in outcomes]
    texts = {"deployed": "deployed", "differs": "would be deployed", "unchanged": "unchanged"}
    counts = ", ".join(f"{states.count(state)} {text}" for state, text in texts.items() if state in states)
    return f"{model_id} {'is not' if 'differs' in states else 'runs'} at every target ({counts})"


def require_success(model_id: str, digest: str, outcomes: Sequence[Outcome]) -> None:
    """Raise an error with one line per failed target, if there are any.

    Raises:
        DeployError: a retry may help at one of them.
        DeployUnusableError: none of them will succeed before the named remedies.
    """
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return
    kind = DeployError if any(o.error and o.error.retriable for o in failed) else DeployUnusableError
    lines = "\n  ".join(map(str, failed))
    raise kind(
        f"deployment of {model_id} ({digest})",
        found=f"{len(failed)} of {len(outcomes)} targets without it",
        expected="it at each",
        fix="Correct what follows, then clear this task or run `leapline deploy`; targets that run it are left alone."
        f"\n  {lines}",
    )
