"""The provenance of a model: everything that determines its bytes, and nothing else."""

import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from pydantic import SecretStr

from leapline.records.provenance import model_settings, provenance
from leapline.settings import Settings
from leapline.storage import json_bytes

MANIFEST = {"data_day": "2026-03-02", "training_days": ["2026-03-01"]}


def test_places_logins_and_secrets_are_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "scorer").write_text("x")
    elsewhere = Settings(
        home=tmp_path, registry="registry.example", pseudonym_key=SecretStr("secret" * 9), signing_connection="secret",
        deploy_webhook_secret=SecretStr("secret" * 9), alert_mail_to="secret@shop.example", spark_master="secret",
    )  # fmt: skip
    first, second = (
        provenance(settings, MANIFEST, {"2026-03-01": "aa", "2026-03-02": None}, {"amd64": tmp_path / "scorer"})
        for settings in (Settings(), elsewhere)
    )
    assert json_bytes(first) == json_bytes(second)
    assert str(tmp_path) not in json_bytes(first).decode()
    names = [part["name"] for part in first["buildDefinition"]["resolvedDependencies"]]
    assert names[:4] == ["events/date=2026-03-01", "events/date=2026-03-02", "leapline", "scorer/linux-amd64"]


def test_predicate_has_the_form_of_slsa(tmp_path: Path) -> None:
    """As in-toto's own library declares it: unknown and misspelt fields are errors."""
    (tmp_path / "scorer").write_text("x")
    predicate = provenance(Settings(), MANIFEST, {"2026-03-01": "aa"}, {"amd64": tmp_path / "scorer"})
    message = json_format.ParseDict(json.loads(json_bytes(predicate)), provenance_pb2.Provenance())
    assert message.build_definition.external_parameters["data_day"] == "2026-03-02"
    assert message.build_definition.resolved_dependencies[0].digest == {"leaplineContent": "aa"}


@pytest.mark.parametrize("change", [{"seed": 5}, {"roc_auc_threshold": 0.9}, {"forest_trees": 5}, {"days_late": 1}])
def test_setting_that_changes_a_model_changes_its_provenance(change: dict[str, float]) -> None:
    assert model_settings(Settings(**change)) != model_settings(Settings())


def test_content_of_a_feature_spec_counts_and_not_its_place(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    a, b, c = (model_settings(Settings(features=tmp_path / name)) for name in "abc")
    assert a == b != c
