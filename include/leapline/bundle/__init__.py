"""Bundle.ML: written straight from fitted PySpark stages, read, shown, compared, converted and verified.

`write` needs a Spark session; everything else is plain Python.
"""

from leapline.bundle.model import Bundle, Node
from leapline.bundle.reader import read
from leapline.bundle.registry import Columns, node, writes
from leapline.bundle.writer import save, to_bundle, write

__all__ = ["Bundle", "Columns", "Node", "node", "read", "save", "to_bundle", "write", "writes"]
