"""Functions that several steps of training and evaluation share: days, examples, scores, comparisons, exports."""
