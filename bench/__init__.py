"""Benches: speed beside peers, as ratios of one run (README.md)."""
