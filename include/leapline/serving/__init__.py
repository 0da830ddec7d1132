"""Image, registry, probe and client of the scoring container."""
