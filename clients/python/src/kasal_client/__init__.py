"""The Python client of Kasal."""
