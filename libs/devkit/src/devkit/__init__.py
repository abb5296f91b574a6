"""What the tests of every service share. The fixtures are in `devkit.plugin`."""
