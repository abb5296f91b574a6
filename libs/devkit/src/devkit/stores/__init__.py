"""The stores of services in memory, for tests of their rules."""
