"""The folder or bucket of a lake table is checked without Spark, and its columns are found by the loader's rules."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import types as T

from leapline.errors import SettingsError, SourceUnusableError, StorageUnusableError
from leapline.events.clean import CleanOptions
from leapline.events.mapping import DEFAULT, load
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.sources.lake.columns import entity_columns, snake_case
from leapline.storage.factory import store_at
from tests.events.lines import KEY
from tests.sources.contract import OPTIONS, WINDOW


def table(folder: Path | str, source: str = "delta") -> Any:
    return source_from(Settings.load(source=source, source_table=str(folder)), OPTIONS.reads)


def test_folder_of_a_table_is_accepted(tmp_path: Path) -> None:
    for name, metadata in (("delta", "_delta_log/0.json"), ("iceberg", "metadata/v1.metadata.json")):
        file = tmp_path / name / metadata
        file.parent.mkdir(parents=True)
        file.touch()
        table(tmp_path / name, name).require_table()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (None, "no such table"),
        ("metadata/v1.metadata.json", "found a table of the format iceberg; .*LEAPLINE_SOURCE=iceberg"),
        ("day/part-0.parquet", r"found Parquet files without a table's metadata, such as day/part-0\.parquet"),
    ],
)
def test_folder_without_a_table_of_the_format_is_refused(tmp_path: Path, file: str | None, message: str) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    with pytest.raises(SourceUnusableError, match=message) as error:
        table(tmp_path).list_day(WINDOW)
    assert str(tmp_path) in error.value.thing


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "found no such table; .*LEAPLINE_SOURCE_TABLE"),
        ("metadata/v1.metadata.json", "found a table of the format iceberg; .*LEAPLINE_SOURCE=iceberg"),
        ("day/part-0.parquet", r"found Parquet files without a table's metadata, such as day/part-0\.parquet"),
    ],
)
def test_prefix_without_a_table_of_the_format_is_refused(s3_bucket: str, key: str | None, message: str) -> None:
    address = f"s3://{s3_bucket}/shop/events"
    if key:
        store_at(address, Settings.load()).put(key, b"x")
    with pytest.raises(SourceUnusableError, match=message) as error:
        table(address).list_day(WINDOW)
    assert address in error.value.thing


def test_prefix_of_a_table_is_accepted(s3_bucket: str) -> None:
    for name, metadata in (("delta", "_delta_log/0.json"), ("iceberg", "metadata/v1.metadata.json")):
        store_at(f"s3://{s3_bucket}/{name}", Settings.load()).put(metadata, b"x")
        table(f"s3://{s3_bucket}/{name}", name).require_table()


def test_missing_bucket_of_a_table_is_named(s3_bucket: str) -> None:
    with pytest.raises(StorageUnusableError, match="found no such bucket; expected bucket missing-bucket"):
        table("s3://missing-bucket/events").list_day(WINDOW)


def test_denied_access_to_a_table_is_named(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageUnusableError, match="found credentials that the service does not accept"):
        table(f"s3://{s3_bucket}/denied").list_day(WINDOW)


def test_mapping_that_reads_the_text_of_json_is_refused(tmp_path: Path) -> None:
    text = DEFAULT.read_text().replace('"page_urlpath"', '"contexts"').replace('"ti_sku"', '"contexts"')
    (tmp_path / "mapping.json").write_text(text)
    reads = CleanOptions(KEY, mapping=load(tmp_path / "mapping.json")).reads
    source: Any = source_from(Settings.load(source="delta", source_table=str(tmp_path)), reads)
    with pytest.raises(SourceUnusableError, match="reads the text of contexts"):
        source.require_table()


@pytest.mark.parametrize("name", ["events", "shop.events; DROP TABLE x", "gs://shop/events", "s3://shop/ev*nts"])
def test_table_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="source_table"):
        Settings.load(source="delta", source_table=name)


def test_address_of_a_table_needs_a_table_format() -> None:
    with pytest.raises(SettingsError, match="source_table"):
        Settings.load(source="postgresql://", source_table="s3://shop/events")


@pytest.mark.parametrize(
    ("name", "column"),
    [("basisForProcessing", "basis_for_processing"), ("productFieldObject", "product_field_object"),
     ("add-to.cart", "add_to_cart"), ("id", "id")],
)  # fmt: skip
def test_names_are_in_snake_case(name: str, column: str) -> None:
    assert snake_case(name) == column


def test_columns_of_an_entity_are_those_of_all_its_versions_by_model() -> None:
    names = ["contexts_com_acme_shop_product_2", "contexts_com_acme_shop_product_10",
             "contexts_com_acme_shop_product_2_recovered_2_0_1_ab12", "contexts_com_acme_shop_product_view_1",
             "unstruct_event_com_acme_shop_product_1"]  # fmt: skip
    schema = T.StructType([T.StructField(name, T.StringType()) for name in names])
    assert entity_columns(schema, "com.acme-shop/product") == [names[0], names[2], names[1]]
