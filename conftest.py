"""Loads the fixtures that all tests share."""

pytest_plugins = [
    "devkit.plugin",
    "devkit.databases",
    "devkit.commands",
    "devkit.scheduling",
    "devkit.left_open",
]
