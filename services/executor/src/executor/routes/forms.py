"""A multipart/form-data body, read piece by piece (RFC 7578)."""

from collections.abc import Sequence
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from common.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a part, or the head of the part that begins, by lower-case names."""

    data: bytes = b""
    head: dict[str, str] | None = None


class FormReader:
    """Reads one form. Nothing is kept but the head of the part that begins, whose size is bounded."""

    def __init__(self, boundary: str) -> None:
        self._pieces: list[Piece] = []
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
        try:
            if not boundary:
                raise FormParserError("its Content-Type names no boundary")
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as fault:
            raise _form_fault(fault) from fault

    def feed(self, chunk: bytes) -> Sequence[Piece]:
        """Return what `chunk` adds. Raises `InvalidRequest` for what is not a form."""
        try:
            if chunk:
                self._parser.write(chunk)
        except FormParserError as fault:
            raise _form_fault(fault) from fault
        found, self._pieces = self._pieces, []
        return found

    def end(self) -> None:
        """Raise `InvalidRequest` unless all of the form has come."""
        if not self._whole:
            raise _form_fault("it ends before its last boundary")

    def _begin(self) -> None:
        self._head = {}

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._head[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _end_head(self) -> None:
        self._pieces.append(Piece(head=self._head))

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(Piece(data[start:end]))

    def _end(self) -> None:
        self._whole = True


def _form_fault(why: object) -> InvalidRequest:
    return InvalidRequest(f"The body is not a form: {why}.", field="body", reason=str(why))
