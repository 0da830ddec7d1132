"""What happens to lake, ledger and tags past Leapline: tags moved by hand, lost and damaged documents, clocks."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from leapline.promotion.intent import INTENT
from leapline.promotion.ledger import HEAD, KEY
from leapline.settings import Settings
from tests.fakes.memory_registry import Request
from tests.simulator.job import Job, Outside
from tests.simulator.world import World

DAMAGES: Final = ("a changed line", "a removed line", "another signature", "a torn intent", "an unfinished line")
"""What happens to a ledger beside a loss of its end; the last one is none, as a writer of old versions has left it."""


class Accidents:
    """Makes jobs that are nobody's intention.

    Args:
        world: in which they happen.
        watch: notes them.
    """

    def __init__(self, world: World, watch: Outside) -> None:
        self._world, self._watch = world, watch

    def hand(self, settings: Settings, choose: Callable[[], str | None]) -> Job:
        """Somebody moves the tag `champion` past Leapline."""

        def work(_: Job) -> None:
            digest = choose()
            manifest = self._world.repository(settings).manifests.get(digest or "")
            if manifest is None:
                return
            target = f"/v2/{settings.repository}/manifests/champion"
            with self._world.history.recorded(str(settings.lake), "hand", {"digest": digest}) as call:
                self._world.scheduler.pause(f"moves champion by hand to {digest}")
                self._world.memory.handle(
                    Request("PUT", target, {"content-type": manifest.media_type}, manifest.content)
                )
                self._watch.moved_by_hand(digest)
                call.output = {"kind": "moved"}

        return Job("hand", settings, work, repeatable=False)

    def emptied_registry(self, settings: Settings) -> Job:
        """The registry loses everything."""

        def work(_: Job) -> None:
            with self._world.history.recorded(str(settings.lake), "hand", {"digest": None}) as call:
                self._world.scheduler.pause("empties the registry")
                self._world.memory.repositories.pop(settings.repository, None)
                self._watch.moved_by_hand(None)
                call.output = {"kind": "moved"}

        return Job("emptied registry", settings, work, repeatable=False)

    def removed_signature(self, settings: Settings, choose: Callable[[], str | None]) -> Job:
        """The signature of a model disappears from the registry."""

        def work(_: Job) -> None:
            model_id = choose()
            self._world.scheduler.pause(f"removes the signature of {model_id}")
            tags = self._world.repository(settings).tags
            for tag in [tag for tag in tags if tag.startswith(f"{model_id}-signature-")]:
                del tags[tag]
                self._watch.signature_removed()

        return Job("removed signature", settings, work, repeatable=False)

    def truncated_ledger(self, settings: Settings, lines: int) -> Job:
        """The ledger loses its last lines, or everything, with or without its head."""

        def work(_: Job) -> None:
            store = self._world.store(settings)
            self._world.scheduler.pause(f"truncates the ledger by {lines} lines")
            content = store.content(KEY) or b""
            self._watch.tampered(settings)
            kept = b"".join(content.splitlines(keepends=True)[:-lines])
            if content:
                store.put_now(KEY, kept)
            if lines > 2:
                store.remove_now(HEAD)

        return Job("truncated ledger", settings, work, repeatable=False)

    def damaged_ledger(self, settings: Settings, damage: str) -> Job:
        """The ledger is changed past Leapline; its last entry stays, so that it does not contradict the tag."""

        def work(_: Job) -> None:
            store = self._world.store(settings)
            self._world.scheduler.pause(f"damages the ledger: {damage}")
            content = store.content(KEY) or b""
            head = store.content(HEAD) or b""
            if len(content.splitlines()) < 2 or not head:
                return
            if damage == "an unfinished line":
                store.put_now(KEY, content + b'{"action":')
                return
            self._watch.tampered(settings)
            if damage == "a torn intent":
                store.put_now(INTENT, b'{"document": {')
            elif damage == "another signature":
                key = json.loads(head)["signature"]["value"].encode()
                store.put_now(HEAD, head.replace(key, key[:-8] + b"AAAAAAA="))
            else:
                first, rest = content.split(b"\n", 1)
                changed = first.replace(b'"who":"', b'"who":"not ') + b"\n" if damage == "a changed line" else b""
                store.put_now(KEY, changed + rest)

        return Job("damaged ledger", settings, work, repeatable=False)

    def clock_jump(self, settings: Settings, jump: timedelta) -> Job:
        """Time passes at once, as after a suspended machine."""

        def work(_: Job) -> None:
            self._world.scheduler.sleep(1)
            self._world.clock.advance(jump.total_seconds())

        return Job("clock jump", settings, work, repeatable=False)
