"""A generator of Snowplow events of a synthetic shop, with the true purchase probability of each session.

For demonstrations, tests and benchmarks.
"""

from leapline.synthetic.planted import PLANTED
from leapline.synthetic.run import GeneratorReport, generate
from leapline.synthetic.spec import GeneratorSpec
from leapline.synthetic.truth import FOLDER, Truth, best_roc_auc, read_truth, truth_path

TRUTH_FOLDER = FOLDER

__all__ = [
    "PLANTED",
    "TRUTH_FOLDER",
    "GeneratorReport",
    "GeneratorSpec",
    "Truth",
    "best_roc_auc",
    "generate",
    "read_truth",
    "truth_path",
]
