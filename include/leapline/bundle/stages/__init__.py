"""Writers of Spark's stages; importing this package registers them."""

from leapline.bundle.stages import clusters, features, linear, trees

__all__ = ["clusters", "features", "linear", "trees"]
