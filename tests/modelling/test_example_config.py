"""Examples in the lake are reused only if their configuration matches."""

from pathlib import Path

from leapline.modelling.example_config import (
    EXAMPLES_FORMAT_VERSION,
    FACTS,
    FEATURES,
    ITEM_FEATURES,
    ExampleConfig,
)
from leapline.settings import Settings
from leapline.storage import write_json


def test_examples_built_with_another_configuration_do_not_match(tmp_path: Path) -> None:
    config = ExampleConfig.of(Settings(home=tmp_path))
    assert not config.matches(tmp_path)
    (tmp_path / FEATURES).write_text(config.sessions.dumps())
    (tmp_path / ITEM_FEATURES).write_text(config.items.dumps())
    facts = {"way": EXAMPLES_FORMAT_VERSION, "per_session": config.per_session}
    write_json(tmp_path / FACTS, facts)
    assert config.matches(tmp_path)
    for other in ({"way": EXAMPLES_FORMAT_VERSION - 1}, {"per_session": config.per_session + 1}):
        write_json(tmp_path / FACTS, facts | other)
        assert not config.matches(tmp_path)
    write_json(tmp_path / FACTS, {"per_session": config.per_session})
    assert not config.matches(tmp_path), "examples from before the format had a version"
