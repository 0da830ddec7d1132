"""Move the tags `champion` and `previous` in one or several repositories: in all of them, or in none.

The state of every repository is read before the first move, so a registry that does not answer prevents all of them. A
tag cannot be removed in most registries; therefore repositories without a champion are moved after those whose move
can be undone.
"""

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leapline.errors import RegistryError, TagConflictError
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry

CHAMPION_TAG, PREVIOUS_TAG = "champion", "previous"


@dataclass(frozen=True)
class _State:
    """Both tags of a repository before the move; where an interrupted run has moved `champion`, before that run."""

    registry: Registry
    champion: str | None
    previous: str | None


class TagMove:
    """A move of both tags.

    Args:
        registries: the repositories; the first is the one that decides what the champion is, and is moved last.
        after: the digest that `champion` is to name.
        before: the digest that `previous` is to name; None to leave it.
        expected: what `champion` of the first repository may name right before the move, besides `after`; anything if
            it is not given.
    """

    def __init__(
        self,
        registries: Sequence[Registry],
        after: str,
        before: str | None,
        expected: Collection[str | None] | None = None,
    ) -> None:
        self._registries, self._after, self._before, self._expected = registries, after, before, expected
        self._moved: list[_State] = []

    def carry_out(self) -> None:
        """Move the tags. A part that is done already is not repeated, because some registries reject that.

        Raises:
            TagConflictError: a registry does not allow a tag to move, or somebody has moved `champion` meanwhile.
            RegistryError: a registry does not answer, or its answer is unclear.
        """
        for state in self._states():
            self._move_champion(state)
            if self._before and state.registry.digest(self._before):
                _point(state.registry, PREVIOUS_TAG, self._before)

    def undo(self) -> None:
        """Restore the tags of every repository in which a move was tried.

        Raises:
            RegistryError: a tag was not restored, or did not exist before.
        """
        problems = []
        for state in reversed(self._moved):
            try:
                _restore(state, CHAMPION_TAG, state.champion)
                _restore(state, PREVIOUS_TAG, state.previous)
            except RegistryError as exc:
                problems.append(str(exc))
        if problems:
            raise RegistryError(
                f"tag {CHAMPION_TAG} of {', '.join(registry.image for registry in self._registries)}",
                found=f"it was moved in some of them only ({'; '.join(problems)})",
                expected="the same champion in all of them",
                fix="Run the step again; it completes the move.",
            )

    def _move_champion(self, state: _State) -> None:
        """Move the tag `champion`, unless somebody else has moved that of the first repository: that is not undone."""
        present, expected = state.registry.digest(CHAMPION_TAG), self._expected
        is_first = state.registry is self._registries[0]
        if is_first and expected is not None and present not in (*expected, self._after):
            raise TagConflictError(
                f"tag {state.registry.ref(CHAMPION_TAG)}",
                found=f"{present or 'no such tag'}, moved there while this move was prepared",
                expected=" or ".join(str(digest or "no such tag") for digest in expected),
                fix="Find out who moved it (`leapline ledger verify`), then run it again.",
            )
        self._moved.append(state)
        if present != self._after:
            state.registry.tag(self._after, CHAMPION_TAG)

    def _states(self) -> list[_State]:
        first, *others = self._registries
        states = [_State(r, r.digest(CHAMPION_TAG), r.digest(PREVIOUS_TAG)) for r in (*others, first)]
        return sorted((self._before_interruption(s) for s in states), key=lambda state: state.champion is None)

    def _before_interruption(self, state: _State) -> _State:
        return replace(state, champion=self._before) if state.champion == self._after else state


def copy_image(source: Registry, target: Registry, digest: str) -> bool:
    """Copy a published model to another repository, under its model id; images in Docker's format are not copied.

    Args:
        source: has the image.
        target: the other repository.
        digest: of the image's index.

    Returns:
        Whether it was sent; False if the repository had it.

    Raises:
        TagConflictError: the model id names another image there.
        BundleError: the image is damaged.
        RegistryError: one of the registries does not answer.
    """
    model_id = source.annotations(digest).get(LABEL + "version", "")
    if target.readable_digest(model_id) == digest:
        return False
    with tempfile.TemporaryDirectory(prefix="leapline-copy-") as work:
        layout = source.pull(digest, Path(work) / "image")
        target.push(layout, model_id, digest=digest)
        target.verify(layout, digest, Path(work))
    return True


def _point(registry: Registry, tag: str, digest: str) -> None:
    if registry.digest(tag) != digest:
        registry.tag(digest, tag)


def _restore(state: _State, tag: str, digest: str | None) -> None:
    if digest is not None:
        _point(state.registry, tag, digest)
    elif tag == CHAMPION_TAG and (present := state.registry.digest(tag)) is not None:
        raise RegistryError(
            f"tag {state.registry.ref(tag)}",
            found=present,
            expected="no such tag, as before",
            fix="Tags cannot be removed in every registry.",
        )
