"""A workspace's file, and what its name and its kind of content may be."""

import mimetypes
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from common.errors import InvalidRequest

FileKind = Literal["upload", "artifact"]
LONGEST_NAME = 255
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_UNKNOWN = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_BY_ENDING = {
    "csv": "text/csv",
    "docx": f"{_OFFICE}wordprocessingml.document",
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "log": "text/plain",
    "md": "text/markdown",
    "ndjson": "application/x-ndjson",
    "pptx": f"{_OFFICE}presentationml.presentation",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "xlsx": f"{_OFFICE}spreadsheetml.sheet",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
"""What differs between systems, or is missing on some, in Python's own table."""
_BY_BEGINNING = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)
_INSIDE_ZIP = re.compile(r"application/(vnd\..+|epub\+zip|java-archive|.*zip)")


@dataclass(frozen=True, slots=True)
class Origin:
    """The tool call that made an artifact. `part` tells several artifacts of one call apart."""

    job_id: str
    task_id: str
    call: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file before its content is there. Without a `media_type`, name and content decide."""

    file_id: str
    workspace_id: str
    name: str
    created_at: datetime
    created_by: str
    media_type: str = ""
    origin: Origin | None = None

    @property
    def kind(self) -> FileKind:
        return "upload" if self.origin is None else "artifact"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A whole file. `content` is the key of its bytes; `size` counts them."""

    file_id: str
    workspace_id: str
    name: str
    created_at: datetime
    created_by: str
    media_type: str
    size: int
    sha256: str
    content: str
    origin: Origin | None = None

    @property
    def kind(self) -> FileKind:
        return "upload" if self.origin is None else "artifact"

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


def clean_name(given: str, field: str = "name") -> str:
    """Return the name that a file gets. Raises `InvalidRequest` with `field`.

    `/` separates folders, as in a path: a name never leads upwards or begins at a root.
    """
    name = unicodedata.normalize("NFC", given.strip()).replace("\\", "/")
    reason = _name_fault(name)
    if reason is not None:
        raise InvalidRequest(
            f"The file cannot be called that: {reason}.", field=field, reason=reason
        )
    return name


def _name_fault(name: str) -> str | None:
    if not name:
        return "it needs a name"
    if len(name) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters"
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in name):
        return "a name is one line without control characters"
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "a name is a path without empty parts, `.` and `..`, such as `reports/q3.csv`"
    return None


def clean_media_type(given: str) -> str:
    """Return the media type that a caller names, without parameters; empty if it says nothing."""
    named = given.partition(";")[0].strip().lower()
    return named if named != _UNKNOWN and _MEDIA_TYPE.fullmatch(named) else ""


def media_type_of(name: str, beginning: bytes, given: str = "") -> str:
    """Return a file's media type: by its first bytes, else as `given`, else by the name's ending."""
    ending = name.rpartition(".")[2].lower()
    by_name = _BY_ENDING.get(ending) or mimetypes.guess_type(name, strict=False)[0] or ""
    seen = next((kind for mark, kind in _BY_BEGINNING if beginning.startswith(mark)), "")
    named = clean_media_type(given) or by_name
    if seen == "application/zip" and _INSIDE_ZIP.fullmatch(by_name):
        return by_name
    if seen == "application/zip" and _INSIDE_ZIP.fullmatch(named):
        return named
    return seen or named or _UNKNOWN
