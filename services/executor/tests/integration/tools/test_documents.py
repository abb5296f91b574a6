"""Documents are read in a process of their own, which ends with what it is given.

Covers: executor.tools.office, executor.tools.parsing
"""

import io
import zipfile

import pytest
from executor_testkit.files import kept

from devkit.stores.files import memory_files
from executor.tools import parsing
from executor.tools.built_in.file_reader import FileReader
from executor.tools.call import Call
from executor.tools.parsing import text_of
from executor.tools.tool import ToolFault

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'


def archive(**parts):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in parts.items():
            out.writestr(name.replace("__", "/"), text)
    return made.getvalue()


def docx(body):
    return archive(**{"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>"})


def xlsx(rows, strings="", styles=""):
    return archive(
        **{
            "xl/workbook.xml": f'<workbook {S} {R}><sheets><sheet name="Q3" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="rId1" Target="worksheets/s.xml"/></Relationships>',
            "xl/sharedStrings.xml": f"<sst {S}>{strings}</sst>",
            "xl/styles.xml": f"<styleSheet {S}>{styles}</styleSheet>",
            "xl/worksheets/s.xml": f"<worksheet {S}><sheetData>{rows}</sheetData></worksheet>",
        }
    )


DOCX = docx(
    "<w:p><w:r><w:t>Tea </w:t></w:r><w:r><w:t>sells</w:t></w:r></w:p>"
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc>"
    "<w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
)
XLSX = xlsx(
    '<row><c r="A1" t="s"><v>0</v></c><c r="C1"><v>1.5</v></c></row>'
    '<row><c r="A2" s="1"><v>45292</v></c><c r="B2" t="b"><v>1</v></c>'
    '<c r="C2" t="inlineStr"><is><t>in</t></is></c></row>',
    "<si><t>city</t></si>",
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>',
)


def test_office_documents_are_text():
    assert text_of("zip", DOCX) == "Tea sells\na\tb"
    assert text_of("zip", XLSX) == "# Q3\ncity\t\t1.5\n2024-01-01\tTRUE\tin\n"
    assert "# Tea" in text_of("html", b"<h1>Tea</h1><script>no</script>")
    for other in (archive(a="x"), b"PK\x03\x04 broken", docx("<w:p>")[:200]):
        with pytest.raises(ToolFault):
            text_of("zip", other)


def test_entities_are_not_resolved():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    body = f"{bomb}<w:document {W}><w:body><w:p><w:t>&f;&a;</w:t></w:p></w:body></w:document>"
    assert "root" not in text_of("zip", archive(**{"word/document.xml": body}))


def test_what_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("executor.tools.office._UNPACKED", 1_000_000)
    with pytest.raises(ToolFault, match="unpacks"):
        text_of("zip", docx("<w:p/>" * 400_000))


async def test_the_tool_reads_them_in_a_process_that_has_an_end(monkeypatch):
    files = memory_files()
    await kept(files, "a.docx", DOCX)
    reader, call = FileReader(files), Call("ws_1", "job_1", "task_1", 1)
    assert await reader.run({"path": "a.docx"}, call) == "Tea sells\na\tb"
    with pytest.raises(ToolFault, match="no DOCX"):
        await parsing.parse("zip", archive(a="x"))
    monkeypatch.setattr(parsing, "_SECONDS", 0.0)
    with pytest.raises(ToolFault, match="too long"):
        await parsing.parse("zip", DOCX)
