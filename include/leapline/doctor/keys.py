"""Checks of the keys that sign models."""

import stat
from pathlib import Path

from leapline.doctor.finding import Finding, NotApplicableError, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.settings import PREFIX, Settings


def signing_key(subject: Subject) -> Finding:
    """Check that the signing key can be read, by this user only, and that its public part verifies what it signs."""
    settings = subject.settings
    if settings.signing == "off":
        raise NotApplicableError(f"{PREFIX}SIGNING=off: models are neither signed nor verified.")
    if settings.signing_connection and not (settings.signing_key or settings.signing_key_file):
        raise NotApplicableError("The key is in an Airflow connection; the checks of Airflow examine it.")
    return examine(settings)


def examine(settings: Settings) -> Finding:
    """Return what is wrong with the signing key of these settings."""
    from leapline.signing.key_ring import key_ring

    key = key_ring(settings).signing_key()
    if key is None:
        return warning(
            "no signing key: models are not signed",
            expected=f"a key in {PREFIX}SIGNING_KEY_FILE or {PREFIX}SIGNING_KEY",
            fix="Create one with `leapline keys create` (docs/signing.md); it must not be lost.",
        )
    message = b"leapline doctor"
    if not key.public.verifies(message, key.sign(message)):
        return problem("its public part does not verify its signature", expected="a key pair",
                       fix="Create another with `leapline keys create`.")  # fmt: skip
    if settings.signing_key_file and (finding := _exposed(settings.signing_key_file)):
        return finding
    return ok(f"{key.public.algorithm}, {key.public.key_id[:12]}")


def _exposed(path: Path) -> Finding | None:
    """Return a problem if other users may read a key's file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return None
    state = f"other users may use {path} (mode {mode:04o})"
    fix = f"Run `chmod 600 {path}`. If somebody may have read it, replace the key (docs/signing.md)."
    return problem(state, expected="mode 0600", fix=fix)


def accepted_keys(subject: Subject) -> Finding:
    """List the public keys whose signatures count, and check that the head of the ledger is by one of them."""
    from leapline.deployment.factory import ledger_of
    from leapline.signing.key_ring import key_ring

    ring = key_ring(subject.settings)
    if not ring.accepted:
        raise NotApplicableError("No key is accepted, so signatures are not verified.")
    head = ledger_of(subject.settings).state().head
    signature = head.content.get("signature") if head else None
    signer = signature.get("key") if isinstance(signature, dict) else None
    names = [key.key_id[:12] for key in ring.accepted]
    if signer and signer not in {key.key_id for key in ring.accepted}:
        return problem(
            f"the ledger's head is signed by {str(signer)[:12]}, accepted are {', '.join(names)}",
            expected="an accepted key that has signed what this lake published",
            fix=f"Use the key of this lake, or add the former public key to {PREFIX}PUBLIC_KEYS (docs/signing.md).",
        )
    if signer and ring.signing and signer != ring.signing.public.key_id:
        return warning(
            f"the ledger's head is signed by the former key {str(signer)[:12]}",
            expected="the present signing key, before the former one ends",
            fix="Run `leapline ledger sign`, `leapline sign champion` and `leapline sign previous` (docs/signing.md).",
        )
    return ok(", ".join(names))
