"""Running `crane`: one call, retried while the registry's trouble may pass.

`crane` reads Docker's own config for logins (`$DOCKER_CONFIG`, credential helpers), so no password is ever an argument,
and each try is a new process that asks the helper for a fresh token. Blobs that a registry already has are not sent
again, so a repeated push resumes.
"""

import random
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leapline.errors import RegistryError, ToolMissingError

ABSENT = re.compile(r"MANIFEST_UNKNOWN|NAME_UNKNOWN|manifest unknown", re.IGNORECASE)
_DENIED = re.compile(r"\b(UNAUTHORIZED|DENIED)\b|\b40[13] (Unauthorized|Forbidden)|no basic auth", re.IGNORECASE)
_DOWN = re.compile(r"connection refused|no such host|network is unreachable", re.IGNORECASE)
_FINAL = re.compile(
    r"\b(NAME_INVALID|MANIFEST_INVALID|TAG_INVALID|UNSUPPORTED)\b|could not parse reference", re.IGNORECASE
)
_LONGEST_WAIT_S = 10.0


class AbsentError(RegistryError):
    """The tag, digest or repository is not in the registry. Not retried; callers that only asked take it as "no"."""

    retriable = False


@dataclass(frozen=True)
class Crane:
    """The tool, bound to one registry host.

    Args:
        binary: the compiled `crane`.
        host: `host[:port]`, for messages.
        budget_s: seconds that one operation may take, its retries included.
    """

    binary: Path
    host: str
    budget_s: float

    def run(self, *args: str) -> str:
        """Standard output of `crane ARGS`.

        Raises:
            AbsentError: the registry answered that it has no such thing.
            RegistryError: refused, or still failing when the budget was spent.
            ToolMissingError: no `crane`.
        """
        deadline, tries = time.monotonic() + self.budget_s, 0
        while True:
            tries += 1
            code, out, err = self._once(args, deadline - time.monotonic())
            if code == 0:
                return out
            error = self._explain(args[0], err, tries)
            wait = min(0.25 * 2**tries, _LONGEST_WAIT_S) * random.uniform(0.5, 1.5)
            if _is_final(err, tries) or time.monotonic() + wait > deadline:
                raise error
            time.sleep(wait)

    def _once(self, args: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        try:
            done = subprocess.run(
                [str(self.binary), *args],
                capture_output=True, text=True, check=False, timeout=max(timeout_s, 0.1), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except FileNotFoundError as exc:
            raise ToolMissingError(
                "crane", found=f"no {self.binary}", expected="the compiled tool", fix="Run `make setup`."
            ) from exc
        except subprocess.TimeoutExpired as exc:
            said = (exc.stderr or b"").decode(errors="replace")
            return 1, "", said or f"no answer within {timeout_s:.0f} s"
        return done.returncode, done.stdout, done.stderr

    def _explain(self, action: str, err: str, tries: int) -> RegistryError:
        kind = AbsentError if ABSENT.search(err) else RegistryError
        return kind(
            f"registry {self.host}",
            found=f"`crane {action}` failed {tries} time{'s'[: tries > 1]} ({_last_line(err)}); no tag was moved by it",
            expected="a registry that answers and allows it",
            fix=_fix(err),
        )


def _is_final(err: str, tries: int) -> bool:
    expired = _DENIED.search(err) and tries > 1  # the second try has a fresh token
    return bool(expired or ABSENT.search(err) or _FINAL.search(err))


def _fix(err: str) -> str:
    if _DENIED.search(err):
        return "Log in (`crane auth login` or a Docker credential helper), or ask for the right to push."
    if _DOWN.search(err):
        return "Check the address (LEAPLINE_REGISTRY), or start the local registry with `leapline registry start`."
    if ABSENT.search(err):
        return "List what is there with `leapline models`; on ECR make the repository first."
    return "Run it again later; what was already sent is not sent again."


def _last_line(err: str) -> str:
    lines = [line for line in err.strip().splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ")[:400] if lines else "no message"
