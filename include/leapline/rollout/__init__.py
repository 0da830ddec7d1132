"""Deployment of the champion: the platforms on which scorers run, and what brings a new champion to them."""
