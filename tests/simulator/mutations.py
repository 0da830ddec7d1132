"""Faults that are put into Leapline's code on purpose, to prove that the simulator notices them."""

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final


@dataclass(frozen=True)
class Mutation:
    """A change of one function of the product.

    Attributes:
        name: what is wrong then.
        module: of the function, below `leapline`.
        function: its qualified name.
        old: code that occurs once in it.
        new: what replaces it.
    """

    name: str
    module: str
    function: str
    old: str
    new: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run the block with the changed function, in all places that have imported it."""
        module = importlib.import_module(f"leapline.{self.module}")
        original = _function(module, self.function)
        code = original.__code__
        original.__code__ = self._changed(module, original)
        try:
            yield
        finally:
            original.__code__ = code

    def _changed(self, module: Any, original: FunctionType) -> Any:
        source = textwrap.dedent(inspect.getsource(original))
        if source.count(self.old) != 1:
            raise AssertionError(f"mutation {self.name!r}: its code occurs {source.count(self.old)} times")
        source = source[source.index("def ") :].replace(self.old, self.new)
        scope = dict(vars(module))
        exec(compile(source, f"<mutation {self.name}>", "exec"), scope)  # noqa: S102  # the product's own code
        return scope[original.__name__].__code__


def _function(module: Any, path: str) -> FunctionType:
    function = module
    for name in path.split("."):
        function = getattr(function, name)
    function = inspect.unwrap(function)
    assert isinstance(function, FunctionType)
    return function


_PROMOTE: Final = "promotion.promote"
MUTATIONS: Final = (
    Mutation("a promotion does not compare the champion with the verdict's", _PROMOTE,
             "ChampionTags._promotion_blocker", "if current != expected:", "if False:"),
    Mutation("an older day becomes champion", _PROMOTE, "ChampionTags._promotion_blocker",
             "if current is None or allow_older:", "if True:"),
    Mutation("the ledger is appended to twice", "promotion.ledger", "Ledger._append",
             "if entry.key in {line.entry.key for line in state.lines if line.entry}:", "if False:"),
    Mutation("moves do not verify the signature", _PROMOTE, "ChampionTags._move",
             "self._trust.require(self.registry, digest)", "pass"),
    Mutation("a rollback needs no papers", _PROMOTE, "ChampionTags._move", 'if action == "rollback":', "if False:"),
    Mutation("an emptied registry counts as a first start", "promotion.agreement", "require_agreement",
             "if champion != recorded and", "if champion is not None and champion != recorded and"),
    Mutation("a promotion does not require that registry and ledger agree", _PROMOTE, "ChampionTags.promote",
             "require_agreement(self.registry, self.ledger, current)", "self.ledger.checked_entries()"),
    Mutation("promotions do not exclude each other", _PROMOTE, "ChampionTags._locked",
             "with self._store.lock(LOCK):", "if True:"),
    Mutation("an interrupted move is not completed", _PROMOTE, "ChampionTags._locked",
             "yield self._finish_interrupted()", "yield None"),
    Mutation("a move has no intent on disk", _PROMOTE, "ChampionTags._move",
             "write_intent(self._store, entry, self.ledger.keys)", "pass"),
    Mutation("a move does not look again at what it replaces", "promotion.tag_moves", "TagMove._move_champion",
             "is_first and expected is not None and", "False and"),
    Mutation("a run that is repeated moves the champion again", _PROMOTE, "ChampionTags.rollback",
             "if _has_moved(entries, request.run_id, None if to is None else digest):", "if False:"),
    Mutation("a repeated run's promotion is not noticed", _PROMOTE, "ChampionTags.promote",
             "if _has_moved(entries, request.run_id, digest):", "if False:"),
    Mutation("previous is not moved", "promotion.tag_moves", "TagMove.carry_out",
             "if self._before and state.registry.digest(self._before):", "if False:"),
    Mutation("the ledger gets its line before the tag moves", _PROMOTE, "ChampionTags._carry_out",
             "assert entry.after", "self.ledger.append(entry)"),
    Mutation("the claims of other lakes are not seen", "promotion.lake_id", "lakes_of",
             "if tag.startswith(_PREFIX)", "if False"),
    Mutation("readers do not require agreement", "promotion.agreement", "agreed_champion",
             "require_agreement(registry, ledger, champion)", "pass"),
    Mutation(
        "a promotion that ends is taken for a contradiction",
        "promotion.agreement",
        "agreed_champion",
        "if looks_alike == _SURE or attempt == _ATTEMPTS:",
        "if True:",
    ),
    Mutation("a missing line of the ledger is no problem", "promotion.ledger", "Ledger._require_sound",
             "if problems:", "if False:"),
    Mutation("the ledger is not completed from its head", "promotion.ledger_check", "State._is_pending",
             "return line is not None and line.digest == head.digest and _follows(line, last, self.content)",
             "return False"),
    Mutation("writes on condition have none", "storage.store", "update",
             "store.put_if_match(key, content, present.version)", "store.put(key, content) or True"),
    Mutation("a backfill moves the champion", "steps.promote", "_blocker",
             "if context.backfill and not settings.promote_backfills:", "if False:"),
    Mutation("a later run does not supersede", "runtime.day_owner", "_require_not_superseded",
             'if run_id in owner["superseded"]:', "if False:"),
    Mutation("retired models may come back", "deployment.retired_models", "require_not_retired",
             "if model_id in retired:", "if False:"),
    Mutation("the lease of a dead process never ends", "storage.lease", "_acquire",
             "elif now - unchanged_since > expiry.total_seconds() and", "elif False and"),
    Mutation("the lease is taken from a living process", "storage.lease", "_acquire",
             "elif now - unchanged_since > expiry.total_seconds() and", "elif"),
    Mutation("an acceptance that is killed leaves the intent", "promotion.acceptance", "_end_interrupted_move",
             "ledger.store.delete(INTENT)", "pass"),
    Mutation("an accepted state leaves a torn intent", "promotion.acceptance", "accept",
             "ledger.store.delete(INTENT)", "pass"),
    Mutation("a person's promotion needs no papers", "deployment.manual_promotion", "promote_model",
             "require_papers(lake_of(settings), tags.ledger.checked_entries(), tags.registry, digest)", "pass"),
)  # fmt: skip
