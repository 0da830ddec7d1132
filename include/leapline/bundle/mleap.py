"""The alternative writer: MLeap's serializer, which needs MLeap's jars on Spark's class path."""

import uuid as uuids
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from leapline.bundle.archive import FilePath
from leapline.bundle.model import VERSION, Bundle, Format
from leapline.bundle.reader import read
from leapline.bundle.writer import save, with_stage_names
from leapline.errors import BundleError

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

COORDINATES = f"ml.combust.mleap:mleap-spark_2.13:{VERSION},ml.combust.mleap:mleap-spark-extension_2.13:{VERSION}"
"""Maven coordinates of MLeap for Spark 4 (Scala 2.13)."""


def write_with_mleap(
    model: "PipelineModel",
    sample: "DataFrame",
    path: FilePath,
    *,
    format: Format = "protobuf",
    name: str,
    uid: uuids.UUID | None = None,
    timestamp: str,
    extra: Mapping[str, bytes] | None = None,
) -> str:
    """Write `model` with MLeap's serializer; stage names, timestamp and zip are then made canonical.

    Args:
        model: the fitted pipeline.
        sample: input of the pipeline, with at least one row.
        path: the archive.
        format: the format of the files in the archive.
        name: the name of the bundle.
        uid: default: derived from the content.
        timestamp: ISO date and time without a time zone.
        extra: additional entries, path -> content.

    Returns:
        The SHA-256 of the archive, in hexadecimal digits.

    Raises:
        BundleError: MLeap's jars are missing, or MLeap cannot write the pipeline.
    """
    from py4j.protocol import Py4JJavaError

    serializer = _serializer()
    with TemporaryDirectory(prefix="leapline-mleap-") as folder:
        path = Path(folder) / "bundle.zip"
        try:
            serializer.serializeToBundle(model, f"jar:{path.as_uri()}", model.transform(sample))
        except Py4JJavaError as exc:
            raise BundleError(
                "MLeap's writer",
                found=str(exc.java_exception),
                expected="a pipeline of stages that MLeap supports",
                fix="Replace the stage, or set LEAPLINE_BUNDLE_WRITER=leapline.",
            ) from exc
        bundle = read(path)
    return save(canonical(bundle, format=format, name=name, timestamp=timestamp, extra=extra), path, uid)


def canonical(
    bundle: Bundle, *, format: Format, name: str, timestamp: str, extra: Mapping[str, bytes] | None = None
) -> Bundle:
    """Replace what differs between two runs of MLeap's serializer: stage names with uids, and the timestamp."""
    root = with_stage_names(bundle.root, name)
    return replace(
        bundle, name=name, root=root, format=format, timestamp=timestamp, extra={**bundle.extra, **(extra or {})}
    )


def _serializer() -> Any:
    from mleap.pyspark.spark_support import SimpleSparkSerializer

    try:
        return SimpleSparkSerializer()
    except TypeError as exc:
        # py4j treats an unknown class as a package, and a package is not callable.
        raise BundleError(
            "LEAPLINE_BUNDLE_WRITER=mleap",
            found="MLeap is not on Spark's class path",
            expected=f"the jars {COORDINATES}",
            fix=f"Start Spark with spark.jars.packages={COORDINATES}, or set LEAPLINE_BUNDLE_WRITER=leapline.",
        ) from exc
