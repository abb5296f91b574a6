"""A multipart/form-data body, read piece by piece (RFC 7578)."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from common.errors import InvalidRequest

LONGEST_HEADER = 4_096
"""Characters of a header that is taken apart, which takes longer than it is long."""
_AS_IT_IS = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class PartHead:
    """What the head of a part says of it; what it does not say is empty."""

    field: str
    file_name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a part, or the head of the part that begins."""

    data: bytes = b""
    head: PartHead | None = None


class FormReader:
    """Reads one form. Nothing is kept but the head of the part that begins, whose size is bounded."""

    def __init__(self, content_type: str, most_parts: int) -> None:
        """`content_type` has the boundary between the parts. Raises `InvalidRequest` without one."""
        self._pieces: list[Piece] = []
        self._parts = 0
        self._most = most_parts
        self._name = self._value = b""
        self._head: dict[str, str] = {}
        self._whole = False
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_head,
            "on_part_data": self._take_data,
            "on_end": self._end,
        }
        boundary = _parameter("Content-Type", content_type, "boundary")
        if not boundary:
            raise _refusal("its Content-Type names no boundary")
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except ValueError as fault:
            raise _refusal(fault) from fault

    def feed(self, chunk: bytes) -> Sequence[Piece]:
        """Return what `chunk` adds. Raises `InvalidRequest` for what is not a form."""
        try:
            if chunk:
                self._parser.write(chunk)
        except FormParserError as fault:
            raise _refusal(fault) from fault
        found, self._pieces = self._pieces, []
        return found

    def end(self) -> None:
        """Raise `InvalidRequest` unless all of the form has come."""
        if not self._whole:
            raise _refusal("it ends before its last boundary")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._most:
            raise _refusal(f"it has more than {self._most} part{'s' if self._most > 1 else ''}")
        self._head = {}

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._head[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _end_head(self) -> None:
        encoding = self._head.get("content-transfer-encoding", "").strip().lower()
        if encoding not in _AS_IT_IS:
            raise _refusal(f"a part is encoded as {encoding[:50]}; parts are sent as they are")
        disposition = self._head.get("content-disposition", "")
        name = _as_utf8(_parameter("Content-Disposition", disposition, "name"))
        kind = self._head.get("content-type", "")
        self._pieces.append(Piece(head=PartHead(name, file_name(disposition), kind)))

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(Piece(data[start:end]))

    def _end(self) -> None:
        self._whole = True


def file_name(disposition: str) -> str:
    """Return the `filename` of a Content-Disposition, `filename*` first (RFC 6266, RFC 7578), else "".

    Raises `InvalidRequest`.
    """
    return _as_utf8(_parameter("Content-Disposition", disposition, "filename"))


def _parameter(header: str, value: str, name: str) -> str:
    if len(value) > LONGEST_HEADER:
        raise _header_fault(header, f"it is longer than {LONGEST_HEADER} characters")
    message = Message()
    message[header] = value.replace("\r", " ").replace("\n", " ")
    try:
        told: list[Any] = [
            one for key, one in message.get_params([], header) if key.lower() == name
        ]
        best = next((one for one in told if isinstance(one, tuple)), told[0] if told else "")
        text = collapse_rfc2231_value(best)
        text.encode()  # half a character cannot be sent or stored
        return text
    except ValueError as fault:  # of a charset that is none, for example
        raise _header_fault(header, f"its {name} cannot be read: {fault}") from fault


def _as_utf8(name: str) -> str:
    """Return a name whose header was read as Latin-1, but is written in UTF-8, as browsers do."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


def _header_fault(header: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{header}: {reason}.", field=header, reason=reason)


def _refusal(why: object) -> InvalidRequest:
    return InvalidRequest(f"The body is not a form: {why}.", field="body", reason=str(why))
