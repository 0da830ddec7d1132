"""The other way to write: MLeap's own serializer, where its jars are on Spark's class path."""

import uuid as uuids
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from leapline.bundle.model import VERSION, Bundle, Format
from leapline.bundle.reader import read
from leapline.bundle.writer import named, save
from leapline.errors import BundleError

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

COORDINATES = f"ml.combust.mleap:mleap-spark_2.13:{VERSION},ml.combust.mleap:mleap-spark-extension_2.13:{VERSION}"
"""Maven coordinates of MLeap for Spark 4 (Scala 2.13)."""


def write_with_mleap(
    model: "PipelineModel",
    sample: "DataFrame",
    path: Path,
    *,
    format: Format = "protobuf",
    name: str,
    uid: uuids.UUID | None = None,
    timestamp: str,
    extra: Mapping[str, bytes] | None = None,
) -> str:
    """As `leapline.bundle.write`, but MLeap chooses nodes and attributes; names, time and zip become canonical.

    Args:
        sample: the pipeline's input, with at least one row.

    Raises:
        BundleError: MLeap's jars are not there, or MLeap cannot write the pipeline.
    """
    from py4j.protocol import Py4JJavaError

    serializer = _serializer()
    with TemporaryDirectory(prefix="leapline-mleap-") as folder:
        written = Path(folder) / "bundle.zip"
        try:
            serializer.serializeToBundle(model, f"jar:{written.as_uri()}", model.transform(sample))
        except Py4JJavaError as exc:
            raise BundleError(
                "MLeap's writer",
                found=str(exc.java_exception),
                expected="a pipeline of stages that MLeap knows",
                fix="Replace the stage, or set LEAPLINE_BUNDLE_WRITER=leapline.",
            ) from exc
        bundle = read(written)
    return save(canonical(bundle, format=format, name=name, timestamp=timestamp, extra=extra), path, uid)


def canonical(
    bundle: Bundle, *, format: Format, name: str, timestamp: str, extra: Mapping[str, bytes] | None = None
) -> Bundle:
    """`bundle` with what differs from one writing to the next taken out: uids as names, the clock."""
    root = named(bundle.root, name)
    return replace(
        bundle, name=name, root=root, format=format, timestamp=timestamp, extra={**bundle.extra, **(extra or {})}
    )


def _serializer() -> Any:
    from mleap.pyspark.spark_support import SimpleSparkSerializer

    try:
        return SimpleSparkSerializer()
    except TypeError as exc:
        # py4j takes an unknown class for a package, and a package cannot be called.
        raise BundleError(
            "LEAPLINE_BUNDLE_WRITER=mleap",
            found="no MLeap on Spark's class path",
            expected=f"its jars, {COORDINATES}",
            fix=f"Start Spark with spark.jars.packages={COORDINATES}, or set LEAPLINE_BUNDLE_WRITER=leapline.",
        ) from exc
