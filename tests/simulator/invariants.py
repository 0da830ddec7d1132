"""What must hold after each step, and in the end."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from leapline.deployment.factory import ledger_of
from leapline.promotion.agreement import last_move
from leapline.promotion.intent import INTENT
from leapline.promotion.ledger import HEAD, KEY
from leapline.promotion.ledger_entry import complete_lines
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.settings import Settings
from tests.simulator.history import Call
from tests.simulator.job import Job, Run
from tests.simulator.jobs import entries_in
from tests.simulator.judging import Judging, Model
from tests.simulator.observed import Ledgers, WatchedRegistry, decisions_in, document_of
from tests.simulator.scheduler import Actor
from tests.simulator.world import World

_LEDGER: Final = (KEY, HEAD, "lake.json")


class ViolationError(AssertionError):
    """An invariant does not hold."""


class Watch:
    """Observes every effect on registry and lakes.

    Args:
        world: to observe.
        judging: knows the images.
        installations: their settings.

    Attributes:
        jobs: all jobs, for what they were allowed to do.
        hand_moves: step and digest of each move of the champion past Leapline.
        has_stranger: whether a lake that nobody runs any more has claimed the repository.
        has_lost_signature: whether somebody has removed a signature.
    """

    def __init__(self, world: World, judging: Judging, installations: list[Settings]) -> None:
        self._world, self._judging = world, judging
        self.jobs: list[Job] = []
        self.hand_moves: list[tuple[int, str | None]] = []
        self.has_stranger = self.has_lost_signature = False
        self._signatures_read: set[tuple[Actor | None, str]] = set()
        self._problems: list[str] = []
        self._superseded: dict[str, int] = {}
        tags = world.repository(installations[0]).tags
        self._claims = {tag.removeprefix("lake-"): 0 for tag in tags if tag.startswith("lake-")}
        self._looks: dict[Actor, tuple[int, str | None]] = {}
        self.ledgers = {str(settings.lake): Ledgers(settings) for settings in installations}
        for settings in installations:
            world.store(settings).changed = self._on_change(settings)
        world.registry.registry = WatchedRegistry(world.memory, self)
        world.history.ended = self._on_call
        world.scheduler.after_step = lambda _: self.check()

    @property
    def is_alone(self) -> bool:
        """Whether nothing but the moves of one lake decides what the tags name.

        A move that was killed halfway is not completed if its model has lost its signature since.
        """
        return not self.hand_moves and not self.has_lost_signature and len(self.ledgers) == 1

    def check(self) -> None:
        """Look at what has changed in this step.

        Raises:
            ViolationError: an invariant does not hold.
        """
        for seen in self.ledgers.values():
            if seen.has_changed:
                seen.has_changed = False
                self._check_ledger(seen)
        if self._problems:
            raise ViolationError("; ".join(self._problems))

    def require(self, holds: bool, problem: str) -> None:
        """Report a problem at the end of the step."""
        if not holds:
            self._problems.append(problem)

    def moved_by_hand(self, digest: str | None) -> None:
        """Note that somebody has moved the champion past Leapline."""
        if digest is None:
            self._claims.clear()
        self.hand_moves.append((self._world.scheduler.steps, digest))

    def tampered(self, settings: Settings) -> None:
        """Note that somebody has changed a ledger past Leapline."""
        seen = self.ledgers[str(settings.lake)]
        seen.is_tampered = seen.was_tampered = seen.has_changed = True
        seen.tampered = self._world.scheduler.steps
        seen.decisions = decisions_in(entries_in(self._world.store(settings).content(KEY)))
        for call in self._world.history.calls:
            if call.op == "begin" and call.lake == str(settings.lake):
                call.input["tampered"] = True

    def signature_removed(self) -> None:
        """Note that somebody has removed the signature of a model."""
        self.has_lost_signature = True

    def accepted(self, settings: Settings) -> None:
        """Note that a person has accepted the state."""
        self.ledgers[str(settings.lake)].is_tampered = False

    def on_look(self, digest: str | None) -> None:
        """The running actor has read which image is the champion."""
        if self._world.scheduler.running:
            self._looks[self._world.scheduler.running] = self._world.scheduler.steps, digest

    def on_signature(self, model_id: str) -> None:
        """The running actor has read the signature of a model."""
        self._signatures_read.add((self._world.scheduler.running, model_id))

    def on_tag(self, repository: str, tag: str, before: str | None, after: str) -> None:
        """A tag was set by Leapline."""
        if tag.startswith("lake-") and before is None:
            self._claims[tag.removeprefix("lake-")] = self._world.scheduler.steps
        if tag not in (CHAMPION_TAG, PREVIOUS_TAG):
            self.require(before in (None, after), f"the immutable tag {tag} was moved from {before} to {after}")
            return
        model = self._judging.models.get(after)
        self.require(model is not None, f"{tag} names {after}, which no run has made")
        if model is not None:
            self.require(model.passes, f"{tag} names {model.model_id}, which no verdict has passed")
            self._require_published(repository, tag, after, model)
        if tag == CHAMPION_TAG and before != after:
            self._on_champion(before, after, model)

    def _require_published(self, repository: str, tag: str, after: str, model: Model) -> None:
        """A model is published and signed; `previous` is verified when somebody returns to it.

        A signature may disappear after the actor has read it, and before the move.
        """
        tags = self._world.memory.repositories[repository].tags
        signed = tag == PREVIOUS_TAG or any(name.startswith(f"{model.model_id}-signature-") for name in tags)
        signed = signed or (self._world.scheduler.running, model.model_id) in self._signatures_read
        self.require(signed, f"{tag} names {model.model_id}, which is not signed")
        self.require(tags.get(model.model_id) == after, f"{tag} names {model.model_id}, which is not published")

    def _on_champion(self, before: str | None, after: str, model: Model | None) -> None:
        running = self._world.scheduler.running
        job = running.owner if running else None
        if job is None:
            return
        entry = self._intent(job.settings)
        if entry is None or entry["after"] != after:
            is_lost = self.ledgers[str(job.settings.lake)].is_tampered
            self.require(is_lost, f"champion moved to {after} without an intent on disk")
            return
        self._require_after_decision(self.ledgers[str(job.settings.lake)], entry)
        if entry["action"] == "promote":
            self._require_allowed(entry, model)
        if model is not None and entry["run_id"] in job.name:
            self._require_record(job, after, model)
        self._require_own_repository(job)
        self._require_once(job, entry)
        self._require_expected(running, entry, before)

    def _require_allowed(self, entry: dict[str, Any], model: Model | None) -> None:
        run = next((job for job in self.jobs if isinstance(job, Run) and job.context.run_id == entry["run_id"]), None)
        if run is None or model is None:
            return
        allowed = run.settings.promote_backfills
        self.require(not run.context.backfill or allowed, f"the backfill {entry['run_id']} moved the champion")
        old = self._judging.models.get(entry["before"] or "")
        is_older = old is not None and model.day < old.day
        self.require(not is_older or (run.context.backfill and allowed), f"the older day {model.day} became champion")

    def _require_record(self, job: Job, digest: str, model: Model) -> None:
        """A model has papers in the lake, is not retired, and is not promoted by a run that has lost its day."""
        store, today = self._world.store(job.settings), job.day_begun
        recorded = store.content(f"models/{model.model_id}/CURRENT") is not None
        promoted = any(entry["after"] == digest for entry in entries_in(store.content(KEY)))
        self.require(
            recorded or promoted, f"{job.name} made {model.model_id} champion, of which the lake has no record"
        )
        if isinstance(job, Run):
            lost = self._superseded.get(job.context.run_id)
            is_late = lost is not None and lost < job.began
            self.require(not is_late, f"{job.name} promotes, although a later run has had its day since step {lost}")
        elif job.by_hand:
            receipts = [
                json.loads(store.content(key) or b"{}") for key in store.contents if key.startswith("erasures/")
            ]
            late = [receipt for receipt in receipts if model.model_id in receipt.get("models", ())
                    and date.fromisoformat(receipt["retire_by"]) < today]  # fmt: skip
            self.require(not late, f"{job.name} made {model.model_id} champion, which had to be replaced by then")

    def _require_once(self, job: Job, entry: dict[str, Any]) -> None:
        """A run moves the champion once, and only if that is still what its verdict compares with."""
        present = entries_in(self._world.store(job.settings).content(KEY))
        again = any((other["after"], other["run_id"]) == (entry["after"], entry["run_id"]) for other in present)
        self.require(not again or bool(self.hand_moves), f"{entry['run_id']} moves the champion a second time")
        calls = [call for call in self._world.history.calls
                 if call.op == "promote" and call.input["run"] == entry["run_id"]]  # fmt: skip
        if calls and entry["action"] == "promote":
            expected = [call.input["expected_current"] for call in calls]
            self.require(entry["before"] in expected, f"{entry['run_id']} replaces {entry['before']}, not {expected}")

    def _require_own_repository(self, job: Job) -> None:
        """Nobody promotes into a repository that another lake has claimed before, unless a person has accepted that."""
        store = self._world.store(job.settings)
        lake = json.loads(store.content("lake.json") or b"{}").get("id")
        if any(entry["action"] == "accept" for entry in entries_in(store.content(KEY))):
            return
        before = [claimed for claimed, step in self._claims.items() if step < job.began]
        self.require(lake in before or not before, f"{job.settings.lake} promotes into the repository of lake {before}")

    def _require_expected(self, actor: Actor, entry: dict[str, Any], before: str | None) -> None:
        """A move replaces what its run has seen, unless somebody else has moved the tag since: OCI has no condition."""
        if before in (entry["before"], entry["after"]):
            return
        step, seen = self._looks.get(actor, (0, None))
        since = any(moved > step for moved, _ in self.hand_moves) or len(self.ledgers) > 1
        self.require(since, f"champion was {before}, although the move expects {entry['before']} (seen: {seen})")
        self._world.history.overwritten(actor.name, before)

    def _on_change(self, settings: Settings) -> Callable[[str, bytes | None], None]:
        def changed(key: str, before: bytes | None) -> None:
            seen, store = self.ledgers[str(settings.lake)], self._world.store(settings)
            if key in _LEDGER or key == INTENT:
                seen.has_changed = True
            if key in (INTENT, HEAD) and self._world.scheduler.running:
                self._on_intent(self._world.scheduler.running, seen, key, store.content(key))
            if key.startswith("day-owners/"):
                owner, old = json.loads(store.content(key) or b"{}"), json.loads(before or b"{}")
                self._require_begun(owner.get("run_id", ""), old.get("run_id", ""))
                runs = {*old.get("superseded", ()), old.get("run_id")} - {owner.get("run_id"), None}
                self.require(runs <= set(owner.get("superseded", ())), f"{key} forgets that {runs} lost the day")
                for run in owner.get("superseded", ()):
                    self._superseded.setdefault(run, self._world.scheduler.steps)
                self._superseded.pop(owner.get("run_id", ""), None)
            if key == KEY and before and not seen.is_tampered:
                self.require((store.content(key) or b"").startswith(complete_lines(before)), "the ledger lost lines")

        return changed

    def _require_begun(self, run: str, old: str) -> None:
        """A run that has lost its day takes it back only when it begins again."""
        job = self._world.scheduler.running.owner if self._world.scheduler.running else None
        if run == old or run not in self._superseded or not isinstance(job, Run):
            return
        begins = "resolve" not in job.finished
        self.require(begins, f"{job.name} takes the day from {old}, which is the later run")

    def _on_intent(self, actor: Actor, seen: Ledgers, key: str, content: bytes | None) -> None:
        document = document_of(content)
        if document is None:
            return
        entry = json.loads(document["line"]) if key == HEAD else document
        self._world.history.intended(actor.name, entry)
        if key == INTENT:
            seen.intended = self._world.scheduler.steps
        elif entry["action"] == "accept":
            seen.decided = self._world.scheduler.steps
        else:
            self._require_after_decision(seen, entry)

    def _require_after_decision(self, seen: Ledgers, entry: dict[str, Any]) -> None:
        """What a person has decided about is not changed by a move that had begun before."""
        is_later = seen.intended > seen.decided
        self.require(is_later, f"the move of {entry['run_id']} ends, although a person decided after its beginning")

    def _check_ledger(self, seen: Ledgers) -> None:
        ledger = ledger_of(seen.settings)
        problems = ledger.problems()
        if seen.is_tampered and not problems:
            seen.is_tampered = decisions_in([asdict(entry) for entry in ledger.entries()]) <= seen.decisions
        if not seen.is_tampered:
            self.require(not problems, f"the ledger is damaged: {problems}")
            if problems:
                return
            keys = [entry.key for entry in ledger.entries()]
            self.require(len(set(keys)) == len(keys), "the ledger has a promotion twice")
        lines = [line.entry for line in ledger.state().lines if line.entry]
        last, pending = last_move(lines), self._intent(seen.settings)
        names = {last.after if last else None}
        if pending is not None and pending["before"] in names:
            names.add(pending["after"])
        seen.recorded.append((self._world.scheduler.steps, frozenset(names), not problems))

    def _intent(self, settings: Settings) -> dict[str, Any] | None:
        return document_of(self._world.store(settings).content(INTENT))

    def _on_call(self, call: Call) -> None:
        """A champion that was read must be one that the ledger, or the move in progress, names at that time."""
        if call.output["kind"] == "rejected":
            if "no record of it in the lake" in call.output["why"] or "is not in the lake" in call.output["why"]:
                return
            outside = [self.has_stranger, *(seen.was_tampered for seen in self.ledgers.values())]
            self.require(
                any(outside) or not self.is_alone,
                f"{call.client} was rejected, although nobody touched anything: {call.output}",
            )
        if call.op == "accept" and call.output["kind"] == "moved":
            self._require_readable_intent(self.ledgers[call.lake], call)
        if call.output["kind"] != "read":
            return
        recorded = self.ledgers[call.lake].recorded
        states = [state for state in recorded if state[0] < call.began][-1:]
        states += [state for state in recorded if call.began <= state[0] <= call.ended]
        self.require(any(sound for *_, sound in states), f"{call.client} relied on a ledger that is damaged")
        if call.op == "read":
            names = frozenset[str | None]().union(*(names for _, names, _ in states))
            self.require(
                call.output["champion"] in names, f"{call.client} read a champion without papers: {call.output}"
            )

    def _require_readable_intent(self, seen: Ledgers, call: Call) -> None:
        """What was damaged when a person looked at it holds up nobody after the decision."""
        content = self._world.store(seen.settings).content(INTENT)
        is_damaged = content is not None and document_of(content) is None and seen.tampered < call.began
        self.require(not is_damaged, f"{call.client} leaves a damaged intent")
