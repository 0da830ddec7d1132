"""Bundle.ML archives: write them from fitted PySpark pipelines, read, inspect, convert, compare and verify them.

Writing needs a Spark session; everything else is plain Python.
"""

from leapline.bundle.comparison import diff
from leapline.bundle.convert import convert
from leapline.bundle.inspection import inspect
from leapline.bundle.mleap import write_with_mleap
from leapline.bundle.model import Bundle, Node
from leapline.bundle.reader import read
from leapline.bundle.stage_writers import Columns, node, writes
from leapline.bundle.verification import verify
from leapline.bundle.writer import write

__all__ = [
    "Bundle",
    "Columns",
    "Node",
    "convert",
    "diff",
    "inspect",
    "node",
    "read",
    "verify",
    "write",
    "write_with_mleap",
    "writes",
]
