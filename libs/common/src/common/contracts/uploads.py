"""How files are uploaded, as the gateway and the service that keeps them agree on it."""

FILES = "/files"
"""The path to which a file's bytes are posted."""
MB = 1_000_000
_FORM = 65_536
"""Bytes that a form may have besides the file in it."""


def longest_upload(file_mb: int) -> int:
    """Return the bytes of the longest body with a file of `file_mb` millions of bytes."""
    return file_mb * MB + _FORM
