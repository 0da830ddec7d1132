"""The procedure of docs/signing.md for a new signing key, in its order, with a real registry."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from leapline.deployment.factory import ledger_of, registry, trust_of
from leapline.deployment.manual_promotion import promote_model
from leapline.deployment.signatures import sign_published
from leapline.errors import LedgerError, SignatureError
from leapline.rollout.champion import Champion
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.keys import SigningKey
from leapline.storage import Lake
from tests.command import leapline
from tests.steps.packaged import MODEL
from tests.steps.test_publish import address, lake, run, settings

__all__ = ["address", "lake", "settings"]
OLD, NEW = SigningKey.generate(), SigningKey.generate(True)
TODAY = datetime.now(UTC).date()
Change = Callable[..., Settings]


@pytest.fixture
def champion(settings: Settings, lake: Lake) -> Settings:
    """An installation whose champion and ledger are signed by the former key."""
    old = settings.model_copy(update={"signing_key": SecretStr(OLD.pem()), "signing": "required"})
    run(old)
    promote_model(old, model_id=MODEL, why="test", run_id="r1")
    return old


@pytest.fixture
def change(champion: Settings, tmp_path: Path) -> Change:
    """Returns the settings after steps 1 and 2: the former public key counts up to a day."""
    (tmp_path / "former_keys.pem").write_text("".join(key.pem for key in key_ring(champion).accepted))
    (tmp_path / "signing_key_2.pem").write_text(NEW.pem())

    def changed(until: date | None = TODAY) -> Settings:
        files = {"signing_key_file": tmp_path / "signing_key_2.pem", "public_keys": str(tmp_path / "former_keys.pem")}
        return champion.model_copy(update={"signing_key": None, "public_keys_until": until, **files})

    return changed


def test_everything_that_either_key_has_signed_counts_in_the_overlap(champion: Settings, change: Change) -> None:
    both = change()
    assert [key.key_id for key in key_ring(both).accepted] == [NEW.public.key_id, OLD.public.key_id]
    digest = Champion.current(both).digest
    trust_of(both).require(registry(both), digest)
    assert leapline(both, "ledger", "verify")["ok"]
    assert promote_model(both, model_id=MODEL, why="again", run_id="r2")["champion"] == digest


def test_former_key_ends_after_everything_was_signed_again(champion: Settings, change: Change) -> None:
    both, after = change(), change(until=TODAY - timedelta(days=1))
    entries = len(ledger_of(both).entries())
    assert leapline(both, "ledger", "sign")["signed"]
    assert not leapline(both, "ledger", "sign")["signed"], "once is enough"
    assert leapline(both, "sign", "champion")["signed"]
    report = leapline(both, "ledger", "verify")
    assert (report["ok"], report["head"]["signed_by"]) == (True, NEW.public.key_id)
    assert len(ledger_of(both).entries()) == entries
    # The last day is over.
    assert [key.key_id for key in key_ring(after).accepted] == [NEW.public.key_id]
    assert leapline(after, "ledger", "verify")["ok"]
    trust_of(after).require(registry(after), Champion.current(after).digest)


def test_without_that_the_former_signatures_count_for_nothing(champion: Settings, change: Change) -> None:
    after = change(until=TODAY - timedelta(days=1))
    digest = registry(after).digest(MODEL)
    assert digest
    with pytest.raises(SignatureError, match="found no signature|signature by"):
        trust_of(after).require(registry(after), digest)
    with pytest.raises(LedgerError, match=f"unknown key {OLD.public.key_id[:12]}"):
        promote_model(after, model_id=MODEL, why="late", run_id="r3")
    with pytest.raises(LedgerError, match="unknown key"):
        ledger_of(after).sign_again()
    assert sign_published(after, MODEL)["signed"], "what this lake has published can still be signed"


def test_host_that_only_verifies_refuses_everything_after_the_last_day(champion: Settings, change: Change) -> None:
    """Without any key that counts, verification is not off."""
    host = change(until=TODAY - timedelta(days=1)).model_copy(update={"signing_key_file": None, "signing": "auto"})
    assert key_ring(host).verifies
    assert key_ring(host, TODAY - timedelta(days=1)).accepted == (OLD.public,)
    digest = registry(host).digest(MODEL)
    assert digest
    with pytest.raises(SignatureError):
        trust_of(host).require(registry(host), digest)


def test_head_is_not_signed_without_a_key_or_by_its_own_again(champion: Settings, change: Change) -> None:
    assert not ledger_of(champion).sign_again()
    with pytest.raises(LedgerError, match="no signing key in this installation"):
        ledger_of(change().model_copy(update={"signing_key_file": None, "signing": "auto"})).sign_again()
