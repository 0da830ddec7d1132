"""The registry, tags and tools of an installation, and promotions made by hand."""
