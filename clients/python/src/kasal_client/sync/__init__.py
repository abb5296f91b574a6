"""The client for threads. Made from the package `aio` by tools/client_sync.py: edit that."""
