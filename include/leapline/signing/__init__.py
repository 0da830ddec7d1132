"""Signatures: the keys of an installation, and what is signed with them."""
