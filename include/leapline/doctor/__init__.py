"""`leapline doctor`: what is wrong with an installation, and how to fix it; nothing that it writes stays."""
