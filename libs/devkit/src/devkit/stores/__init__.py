"""In-memory stores of services, for tests of their rules."""
