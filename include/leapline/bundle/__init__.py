"""Writer of MLeap's Bundle.ML, straight from fitted PySpark stages."""
