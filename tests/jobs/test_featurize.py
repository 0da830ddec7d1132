"""Which examples stand as they are, and which are made again."""

from pathlib import Path

from leapline.jobs.featurize import FACTS, FEATURES, ITEM_FEATURES, WAY, Wanted
from leapline.settings import Settings
from leapline.storage import write_json


def test_examples_made_another_way_are_made_again(tmp_path: Path) -> None:
    wanted = Wanted.of(Settings(home=tmp_path))
    assert not wanted.made(tmp_path)
    (tmp_path / FEATURES).write_text(wanted.sessions.dumps())
    (tmp_path / ITEM_FEATURES).write_text(wanted.items.dumps())
    facts = {"way": WAY, "per_session": wanted.per_session}
    write_json(tmp_path / FACTS, facts)
    assert wanted.made(tmp_path)
    for other in ({"way": WAY - 1}, {"per_session": wanted.per_session + 1}):
        write_json(tmp_path / FACTS, facts | other)
        assert not wanted.made(tmp_path)
    write_json(tmp_path / FACTS, {"per_session": wanted.per_session})
    assert not wanted.made(tmp_path), "of before there was a way to tell"
