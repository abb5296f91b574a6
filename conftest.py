"""Loads the fixtures that all tests share."""

pytest_plugins = ["common.testing.plugin", "common.testing.commands", "common.testing.scheduling"]
