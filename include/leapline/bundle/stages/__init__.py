"""Writers of Spark's stages; importing this package registers them."""

from leapline.bundle.stages import (
    classifiers,
    clusters,
    features,
    linear,
    regressions,
    text,
    trees,
    vectors,
)

__all__ = ["classifiers", "clusters", "features", "linear", "regressions", "text", "trees", "vectors"]
