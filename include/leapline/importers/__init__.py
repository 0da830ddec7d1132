"""Importers of public click data, so that anyone can try Leapline on real sessions."""
