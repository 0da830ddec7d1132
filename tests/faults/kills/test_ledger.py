"""The commands `leapline ledger sign` and `leapline ledger accept` are killed before each of their side effects."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from leapline.deployment.factory import champion_digest, ledger_of, registry
from leapline.promotion.intent import INTENT, write_intent
from leapline.promotion.lake_id import KEY as LAKE
from leapline.promotion.ledger import HEAD, KEY, Entry
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.keys import SigningKey
from leapline.storage import Lake
from tests.faults.conftest import Copy
from tests.faults.kills.actions import accept_ledger, sign_ledger
from tests.faults.kills.forks import Deed
from tests.faults.kills.installations import contents, moves, require_readable, tags_of
from tests.faults.kills.scenes import Scene, kill_everywhere
from tests.steps.packaged import CHAMPION, MODEL


def signer(settings: Settings) -> str:
    """Return the id of the key that has signed the ledger's head."""
    head = ledger_of(settings).state().head
    assert head
    return str(head.content["signature"]["key"])


def test_signing_killed_between_any_two_side_effects_is_completed_by_the_retry(
    promoted: Settings, copied: Copy, tmp_path: Path
) -> None:
    old, new = key_ring(promoted).signing_key(), SigningKey.generate(ed25519_key=True)
    assert old
    keys = {"signing_key": SecretStr(new.pem()), "public_keys": old.public.pem}

    def require_whole(settings: Settings) -> None:
        require_readable(settings)
        assert signer(settings) in (old.public.key_id, new.public.key_id)

    def result(settings: Settings) -> dict[str, Any]:
        return contents(Lake(settings.home)) | {"moves": moves(settings), "signed by": signer(settings)}

    scene = Scene(
        prepare=lambda name: copied(promoted, name).model_copy(update=keys),
        deed=lambda settings: Deed(sign_ledger, (settings,), [settings.home], tmp_path),
        again=sign_ledger,
        require_whole=require_whole,
        result=result,
    )
    effects = kill_everywhere(scene)
    assert [effect for effect in effects if effect.endswith(HEAD)]
    once = scene.prepare("once")
    assert [sign_ledger(once), sign_ledger(once)] == [True, False]
    assert signer(once) == new.public.key_id


def replace(settings: Settings, name: str, content: bytes | None) -> None:
    """Replace or remove a file of the lake, which is a link to another lake's."""
    path = settings.home / name
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def truncate_during_a_rollback(settings: Settings) -> None:
    """A rollback was killed before its first move, then the ledger lost all lines but that of its head."""
    target, ledger = registry(settings), ledger_of(settings)
    last = ledger.entries()[-1]
    entry = Entry(last.when, "ada", "test", "interrupted", "rollback", CHAMPION_TAG, CHAMPION, last.after,
                  target.digest(CHAMPION))  # fmt: skip
    write_intent(ledger.store, entry, ledger.keys)
    replace(settings, KEY, b"")


def damage_the_intent(settings: Settings) -> None:
    """A rollback was killed, and the disk has lost the end of what it had written down."""
    replace(settings, INTENT, b'{"document": {"after": "sha256:')


def move_the_tag(settings: Settings) -> None:
    """Somebody has moved `champion` past Leapline."""
    registry(settings).tag(CHAMPION, CHAMPION_TAG)


def replace_the_lake(settings: Settings) -> None:
    """A new lake, with the records of the models, replaces the one that has promoted into the repository."""
    for name in (KEY, HEAD, LAKE):
        replace(settings, name, None)


FAULTS: Mapping[str, Callable[[Settings], None]] = {
    "truncated ledger": truncate_during_a_rollback,
    "damaged intent": damage_the_intent,
    "tag moved by hand": move_the_tag,
    "replaced lake": replace_the_lake,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_acceptance_killed_between_any_two_side_effects_is_completed_by_the_retry(
    promoted: Settings, copied: Copy, registry_folder: Path, tmp_path: Path, fault: str
) -> None:
    names = (CHAMPION_TAG, PREVIOUS_TAG, CHAMPION, MODEL)

    def prepare(name: str) -> Settings:
        settings = copied(promoted, name)
        FAULTS[fault](settings)
        return settings

    def require_whole(settings: Settings) -> None:
        """The fault is still there as it was, or accepted; in no case does another model serve."""
        tags = tags_of(settings, registry_folder, *names)
        assert tags == tags_of(prepared, registry_folder, *names)
        assert ledger_of(settings).problems() in ([], before) or fault == "truncated ledger"

    def result(settings: Settings) -> dict[str, Any]:
        lake = Lake(settings.home)
        assert lake.store.get(INTENT) is None
        tags = tags_of(settings, registry_folder, *names)
        agreed = champion_digest(settings, registry(settings))
        assert agreed == tags[CHAMPION_TAG]
        claims = [tag.startswith("lake-") for tag in registry(settings).tags()]
        return contents(lake) | tags | {"moves": moves(settings), "claims": sum(claims)}

    prepared = prepare("prepared")
    before = ledger_of(prepared).problems()
    scene = Scene(
        prepare=prepare,
        deed=lambda settings: Deed(accept_ledger, (settings,), [settings.home], tmp_path),
        again=accept_ledger,
        require_whole=require_whole,
        result=result,
    )
    effects = kill_everywhere(scene)
    assert [effect for effect in effects if effect.endswith(HEAD)]
