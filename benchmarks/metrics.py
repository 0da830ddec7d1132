"""Compare the bootstrap's weighted areas with scikit-learn: agreement and speed; see docs/decisions/0030-metrics.md.

python -m benchmarks.metrics --sessions 3400 --resamples 1000
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from benchmarks.interval_coverage import Holdout, Shop, draw_holdout
from leapline.evaluation.bootstrap import Areas, Array, Ranking, bootstrap_areas


def by_scikit_learn(holdout: Holdout, weights: Array) -> Areas:
    """Compute the areas under each vector of row weights with scikit-learn, one call per resample and metric."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    labels, scores = holdout.labels, holdout.scores[0]
    return Areas(
        np.array([roc_auc_score(labels, scores, sample_weight=row) for row in weights]),
        np.array([average_precision_score(labels, scores, sample_weight=row) for row in weights]),
    )


def measure(sessions: int, resamples: int, seed: int = 1) -> dict[str, float]:
    """Return the largest differences, and seconds per 1000 resamples.

    Args:
        sessions: approximate number of rows; a visitor has 2.5 on average.
        resamples: how many to compute with scikit-learn.
        seed: of the simulated holdout and of the resampling.
    """
    holdout = draw_holdout(Shop(visitors=max(2, round(sessions / 2.5))), np.random.default_rng(seed))
    weights = np.random.default_rng(seed).poisson(1.0, size=(resamples, len(holdout.labels))).astype(float)
    areas, areas_seconds = _timed(lambda: Ranking(holdout.labels, holdout.scores[0]).areas(weights))
    reference, seconds = _timed(lambda: by_scikit_learn(holdout, weights))
    _, all_seconds = _timed(
        lambda: bootstrap_areas(holdout.labels, holdout.scores[:1], holdout.visitors, resamples=resamples, seed=seed)[0]
    )
    per_1000 = 1000 / resamples
    return {
        "rows": len(holdout.labels),
        "positives": int(holdout.labels.sum()),
        "roc_auc_difference": float(np.abs(areas.roc_auc - reference.roc_auc).max()),
        "average_precision_difference": float(np.abs(areas.average_precision - reference.average_precision).max()),
        "own_seconds_per_1000": round(areas_seconds * per_1000, 3),
        "scikit_learn_seconds_per_1000": round(seconds * per_1000, 3),
        "bootstrap_seconds_per_1000": round(all_seconds * per_1000, 3),
    }


def _timed(compute: Callable[[], Areas]) -> tuple[Areas, float]:
    started = time.perf_counter()
    result = compute()
    return result, time.perf_counter() - started


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=3400)
    parser.add_argument("--resamples", type=int, default=1000)
    args = parser.parse_args()
    print(json.dumps(measure(args.sessions, args.resamples), indent=1))


if __name__ == "__main__":
    main()
