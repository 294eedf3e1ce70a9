"""Faults, and what is left after them: what was acknowledged is stored, once, and nobody was answered otherwise."""
