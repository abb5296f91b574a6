"""Loads the fixtures that all tests share."""

pytest_plugins = ["devkit.plugin", "devkit.commands", "devkit.scheduling"]
