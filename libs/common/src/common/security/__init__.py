"""Tokens, keys, and secrets at rest."""
