"""What is wrong with a JSON value that should fit a JSON Schema, in one line."""

from common.schemas.validation import complaint, complaint_within

__all__ = ["complaint", "complaint_within"]
