"""What the tests of every service share. The fixtures are in `common.testing.plugin`."""
