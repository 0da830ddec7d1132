"""What training and evaluation share: windows of days, labelled examples, scores, comparisons."""
