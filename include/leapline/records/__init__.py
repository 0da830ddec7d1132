"""Decisions about models: verdicts, candidates, history, and what is serving."""
