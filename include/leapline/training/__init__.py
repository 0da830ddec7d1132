"""Examples and labels, the forest, its calibration, and the Markov baseline."""
