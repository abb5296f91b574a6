"""An upload as it arrives: the bytes of a file, raw or as the one part of a form, never held as a whole."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from common.errors import InvalidRequest
from common.web.forms import FormReader, PartHead, file_name
from executor.domain.files.file import clean_name

_ADVICE = (
    'send the file as the one part of a multipart/form-data body (curl -F "file=@sales.csv"), or its bytes '
    'as the body, with the header Content-Disposition: attachment; filename="sales.csv"'
)
_NO_FILE = "there is no file in the body"


class Upload:
    """The file in a request: its name and media type, as far as they are known, and its bytes."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._kind = request.headers.get("content-type", "")
        self._form: FormReader | None = None
        if self._kind.partition(";")[0].strip().lower() == "multipart/form-data":
            self._form = FormReader(self._kind, most_parts=1)
        self.media_type = "" if self._form else self._kind
        self.name = ""

    @property
    def expected(self) -> int | None:
        """The bytes of the body; those of a file in a form are somewhat fewer."""
        length = self._request.headers.get("content-length", "")
        return int(length) if length.isdigit() else None

    async def open(self) -> AsyncIterator[bytes]:
        """Read up to the file's name, and return the file's bytes. Raises `InvalidRequest`."""
        if self._form is None:
            self.name = _name_in(self._request.headers.get("content-disposition", ""))
            return self._request.stream()
        parts = self._file_in(self._form)
        await anext(parts, b"")  # the part's head, which has the name
        return parts

    async def _file_in(self, form: FormReader) -> AsyncIterator[bytes]:
        async for chunk in self._request.stream():
            for piece in form.feed(chunk):
                if piece.head is not None:
                    self._take_head(piece.head)
                yield piece.data
        form.end()
        if not self.name:
            raise _refusal(_NO_FILE)

    def _take_head(self, head: PartHead) -> None:
        if not head.file_name:
            raise _refusal("the part of the form is not a file")
        self.name, self.media_type = clean_name(head.file_name, "filename"), head.media_type


def _name_in(disposition: str) -> str:
    name = file_name(disposition)
    if not name:
        raise _refusal("the file has no name" if disposition else _NO_FILE, "Content-Disposition")
    return clean_name(name, "filename")


def _refusal(reason: str, field: str = "body") -> InvalidRequest:
    return InvalidRequest(
        f"No file was kept, since {reason}: {_ADVICE}.", field=field, reason=reason
    )


_EXAMPLE = "name,n\ntea,1\n"
DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "example": {"file": _EXAMPLE},
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The file, with its name; the form has no other part",
                        }
                    },
                },
            },
            "application/octet-stream": {
                "example": _EXAMPLE,
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "The file's bytes, of any media type; `Content-Disposition` has the name",
                },
            },
        },
    },
}
"""The body of an upload, for the API's document."""
