"""Metrics, verdict, plots and the model card."""
