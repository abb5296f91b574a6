"""What a backup's folder holds: `contents.json` has the number and the checksum of each file's documents.

The file is written last, so that a folder in which one is missing or was changed is recognised. Dumps of
mongodump, and backups of releases before it, have none.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import bson
from bson.errors import InvalidBSON

from kasal_platform.databases import BackupRefused

_NAME = "contents.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """How many documents a collection has, and their checksum, which does not depend on their order."""

    documents: int
    checksum: str


class Digest:
    """Counts documents and adds up their checksums (SHA-256)."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0

    def add(self, document: bytes) -> None:
        self._count += 1
        self._sum += int.from_bytes(hashlib.sha256(document).digest(), "big")

    @property
    def facts(self) -> Facts:
        return Facts(self._count, f"{self._sum % 2**256:064x}")


def documents_in(path: Path) -> Iterator[bytes]:
    """Yield the documents of a file. Raises `BackupRefused` where it is damaged."""
    try:
        with path.open("rb") as file:
            while head := file.read(4):
                size = int.from_bytes(head, "little")
                document = head + file.read(max(0, min(size, _LARGEST) - 4))
                bson.decode(document)  # which checks it
                yield document
    except (InvalidBSON, OverflowError) as fault:
        raise BackupRefused(f"{path} is damaged: {fault}") from None


_LARGEST = 64 * 1024 * 1024
"""Bytes: more than any document has, so that a damaged length takes no memory."""


def facts_of(path: Path) -> Facts:
    """Read a file as a whole. Raises `BackupRefused` if it is damaged."""
    digest = Digest()
    for document in documents_in(path):
        digest.add(document)
    return digest.facts


def note_contents(folder: Path, facts: Mapping[str, Facts]) -> None:
    """Write down what the files hold; the keys are paths below `folder`."""
    told = {place: asdict(one) for place, one in sorted(facts.items())}
    (folder / _NAME).write_text(json.dumps(told, indent=1) + "\n")


def check_contents(folder: Path) -> None:
    """Read every file. Raises `BackupRefused` for one that is missing, damaged or not as it was written."""
    noted = _read_contents(folder)
    for place, facts in noted.items():
        if not (folder / place).is_file():
            raise BackupRefused(f"{folder / place} is missing: the backup is not complete.")
        if facts_of(folder / place) != facts:
            raise BackupRefused(
                f"{folder / place} is damaged: it is not what the backup has written."
            )
    for path in sorted(folder.glob("*/*.bson")):
        if str(path.relative_to(folder)) not in noted:
            facts_of(path)


def _read_contents(folder: Path) -> Mapping[str, Facts]:
    try:
        told = json.loads((folder / _NAME).read_bytes())
        return {place: Facts(**facts) for place, facts in told.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as fault:
        raise BackupRefused(f"{folder / _NAME} is damaged: {fault}") from None
