"""Trouble on the way to providers, while somebody looks and while somebody acts, and the tables of what came of it."""
