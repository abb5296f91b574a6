"""Backends as programs of this machine: for `make run`, `make stack` and the tests."""
