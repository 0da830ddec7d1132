"""The result of `leapline ledger verify`: whether the ledger is sound, and whether the registry agrees with it."""

import re
from dataclasses import asdict
from typing import Any, Final

from leapline.deployment.factory import champion_digest, ledger_of, registry
from leapline.errors import ContradictionError, LedgerError, RegistryError, SettingsError
from leapline.promotion.ledger import Ledger
from leapline.promotion.ledger_check import Head, Problem, State
from leapline.settings import Settings

_EXPECTED: Final = re.compile(r"(\d+)@(sha256:[0-9a-f]{64})")


def verify_ledger(settings: Settings, *, expected: str = "", offline: bool = False) -> dict[str, Any]:
    """Verify the ledger, its head, and the champion in the registry.

    Args:
        settings: name the lake, the keys and the registry.
        expected: a head that was noted outside of the lake, `SEQUENCE@sha256:...`: the ledger must contain it.
        offline: whether the registry is left out.

    Returns:
        `{"ok", "entries", "linked", "lake", "head": {"sequence", "digest", "signed_by", "verified"} or None,
        "problems": [{"kind", "where", "text"}], "registry": {"image", "champion", "compared"}}`.

    Raises:
        SettingsError: `expected` has another form.
        StorageError: the lake cannot be read.
    """
    ledger = ledger_of(settings)
    state, problems = ledger.state(), ledger.problems()
    if expected:
        problems += _problems_of_expected(state, expected, ledger.address)
    compared = {"image": settings.image, "champion": None, "compared": False}
    if not offline:
        compared["champion"], problem = _compare(settings, sound=not problems)
        compared["compared"] = problem is None or problem.kind == "contradiction"
        problems += [problem] if problem else []
    return {
        "ok": not problems,
        "entries": len(state.lines),
        "linked": sum(line.chain is not None for line in state.lines),
        "lake": state.lake,
        "head": _head(state.head, ledger) if state.head else None,
        "problems": [asdict(problem) for problem in problems],
        "registry": compared,
    }


def head_of(ledger: Ledger) -> str:
    """Return the ledger's head as `SEQUENCE@sha256:...`, to be noted outside of the lake; empty without one."""
    head = ledger.state().head
    return f"{head.sequence}@{head.digest}" if head else ""


def _head(head: Head, ledger: Ledger) -> dict[str, Any]:
    signature = head.content.get("signature")
    signed_by = signature.get("key") if isinstance(signature, dict) else None
    verified = ledger.keys.verifies and not any(p.kind == "bad signature" for p in ledger.problems())
    return {"sequence": head.sequence, "digest": head.digest, "signed_by": signed_by, "verified": verified}


def _problems_of_expected(state: State, expected: str, where: str) -> list[Problem]:
    match = _EXPECTED.fullmatch(expected)
    if match is None:
        raise SettingsError(
            "--expect",
            found=repr(expected),
            expected="SEQUENCE@sha256:... with 64 digits, as the step promote logs it",
            fix="Copy it from the log or the XCom of a promotion.",
        )
    sequence, digest = int(match[1]), match[2]
    if any(line.chain and line.chain.sequence == sequence and line.digest == digest for line in state.lines):
        return []
    return [Problem("other history", where, f"it does not contain entry {sequence} with the digest {digest}")]


def _compare(settings: Settings, *, sound: bool) -> tuple[str | None, Problem | None]:
    """Return the champion on which registry and ledger agree, and what prevents that."""
    try:
        target = registry(settings)
        return champion_digest(settings, target), None
    except RegistryError as exc:
        return None, Problem("registry not compared", f"registry {settings.image}", str(exc))
    except ContradictionError as exc:
        return None, Problem("contradiction", exc.thing, f"{exc.found}; expected {exc.expected}. {exc.fix}")
    except LedgerError as exc:
        return None, Problem("contradiction", exc.thing, str(exc)) if sound else None
