"""Saving the databases of all services in a folder, and bringing them back."""
