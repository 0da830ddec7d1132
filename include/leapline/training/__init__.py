"""Examples, labels and the forest."""
