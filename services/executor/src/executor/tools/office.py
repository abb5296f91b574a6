"""The text of DOCX and XLSX files (ECMA-376), read within bounds; blocks.

Parts are unpacked as they are parsed, never as a whole, and entities are not resolved: such a file has none.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from executor.tools.tool import ToolFault

_TEXT = 1_000_000
_UNPACKED = 100_000_000
"""Bytes that all parts together may unpack to."""
_STRINGS = 200_000
_SHEETS = 50
_DATE_FORMATS = frozenset({*range(14, 23), *range(45, 48)})
_DATE = re.compile(r"(?i)(?<![\\\"])[ymdhs]")
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's days have no zone
_REFERENCE = re.compile(r"[A-Z]{1,3}")


def office_text(raw: bytes) -> str | None:
    """Return the text of a document or workbook, or None for another archive. Raises `ToolFault`."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = set(archive.namelist())
            if "word/document.xml" in names:
                return _Archive(archive).document()
            if "xl/workbook.xml" in names:
                return _Archive(archive).workbook()
            return None
    except ToolFault:
        raise
    except Exception as fault:  # noqa: BLE001 - a broken archive can raise anything in its readers
        raise ToolFault(f"the document cannot be read ({type(fault).__name__}).") from None


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = _UNPACKED

    def _elements(self, name: str, *, starts: bool = False) -> Iterator[tuple[str, str, Any]]:
        """Yield the elements of a part as they end, by their local names, and forget them."""
        from lxml import etree  # type: ignore[import-untyped]

        events = ("start", "end") if starts else ("end",)
        with self._archive.open(name) as part:
            source = _Bounded(part, self)
            walk = etree.iterparse(source, events=events, resolve_entities=False, no_network=True)
            for event, element in walk:
                yield event, etree.QName(element).localname, element

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ToolFault("the document unpacks to more than can be read.")

    def document(self) -> str:
        """Return the paragraphs and tables of a DOCX, a line each."""
        lines: list[str] = []
        line: list[str] = []
        size = 0
        for _, name, element in self._elements("word/document.xml"):
            if name == "t":
                line.append(element.text or "")
            elif name in {"tab", "tc"}:
                line.append("\t")
            elif name in {"br", "cr"}:
                line.append("\n")
            elif name in {"p", "tr"} and (name == "tr" or not _in_cell(element)):
                lines.append("".join(line).rstrip("\t"))
                size += len(lines[-1]) + 1
                line.clear()
            if name in {"p", "tr"}:
                element.clear()
            if size > _TEXT:
                break
        return "\n".join(lines)

    def workbook(self) -> str:
        """Return the cells of an XLSX as tab-separated lines, sheet after sheet."""
        strings, dates = self._strings(), self._date_styles()
        pieces: list[str] = []
        size = 0
        for title, part in self._sheets():
            pieces.append(f"# {title}\n")
            for row in self._rows(part, strings, dates):
                pieces.append(row + "\n")
                size += len(row) + 1
                if size > _TEXT:
                    return "".join(pieces)
        return "".join(pieces)

    def _sheets(self) -> Iterator[tuple[str, str]]:
        places = {
            element.get("Id"): element.get("Target", "").lstrip("/").removeprefix("xl/")
            for _, name, element in self._elements("xl/_rels/workbook.xml.rels")
            if name == "Relationship"
        }
        found = 0
        for _, name, element in self._elements("xl/workbook.xml"):
            if name != "sheet" or found >= _SHEETS:
                continue
            found += 1
            key = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
            part = f"xl/{places.get(key, '')}"
            if part in self._archive.namelist():
                yield element.get("name", ""), part

    def _strings(self) -> list[str]:
        if "xl/sharedStrings.xml" not in self._archive.namelist():
            return []
        found: list[str] = []
        for _, name, element in self._elements("xl/sharedStrings.xml"):
            if name == "si":
                found.append("".join(element.itertext("{*}t")))
                element.clear()
                if len(found) >= _STRINGS:
                    break
        return found

    def _date_styles(self) -> frozenset[int]:
        """Return the numbers of the styles that show a cell's number as a date."""
        if "xl/styles.xml" not in self._archive.namelist():
            return frozenset()
        formats, dates = set(_DATE_FORMATS), set[int]()
        for _, name, element in self._elements("xl/styles.xml"):
            if name == "numFmt" and _DATE.search(_QUOTED.sub("", element.get("formatCode", ""))):
                formats.add(int(element.get("numFmtId", 0)))
            elif name == "cellXfs":
                for place, style in enumerate(element):
                    if int(style.get("numFmtId", 0)) in formats:
                        dates.add(place)
        return frozenset(dates)

    def _rows(self, part: str, strings: list[str], dates: frozenset[int]) -> Iterator[str]:
        for _, name, element in self._elements(part):
            if name != "row":
                continue
            cells: list[str] = []
            for cell in element:
                column = _column(cell.get("r", ""))
                cells += [""] * min(max(column - len(cells), 0), 1_000)
                cells.append(_cell(cell, strings, dates))
            yield "\t".join(cells)
            element.clear()


class _Bounded:
    """A part of an archive, read within what all parts may unpack to."""

    def __init__(self, part: Any, archive: _Archive) -> None:
        self._part = part
        self._archive = archive

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._part.read(min(size, 65_536) if size > 0 else 65_536)
        self._archive.take(len(data))
        return data


def _in_cell(paragraph: Any) -> bool:
    parent = paragraph.getparent()
    return parent is not None and parent.tag.endswith("}tc")


def _column(reference: str) -> int:
    """Return the place of a cell in its row, from 0, by its name (`C7`)."""
    found = _REFERENCE.match(reference)
    if found is None:
        return 0
    place = 0
    for letter in found[0]:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _cell(cell: Any, strings: list[str], dates: frozenset[int]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _plain("".join(cell.itertext("{*}t")))
    value = cell.findtext("{*}v") or ""
    if kind == "s":
        place = int(value or -1)
        return _plain(strings[place]) if 0 <= place < len(strings) else ""
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    if kind == "n" and value and int(cell.get("s", 0)) in dates:
        return _date(float(value)) or value
    return _plain(value)


def _date(days: float) -> str:
    if not 0 < days < 2_958_466:
        return ""
    moment = _DAY_ZERO + timedelta(seconds=round(days * 86_400))
    return moment.date().isoformat() if days == int(days) else moment.isoformat(sep=" ")


def _plain(text: str) -> str:
    return text.replace("\t", " ").replace("\n", " ").replace("\r", "")
