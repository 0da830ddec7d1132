"""Importers of public click data, to try Leapline on real sessions."""
