"""Saving the databases of all services in a folder, and restoring them."""
