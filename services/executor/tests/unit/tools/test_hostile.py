"""Whatever is said to a tool or about one, no event loop is held over it.

To add a place: put an `async` function of the toolbox, the files and the call into `PLACES`.

Covers: executor.tools.texts, executor.tools.wide
"""

import contextlib
import math
import zlib

import pytest
from executor_testkit.files import kept

from common.contracts.crew import ToolSnapshot
from common.schemas.checking import schema_fault
from common.schemas.validation import beside_the_loop
from common.schemas.validation import complaint as schema_complaint
from devkit.loop_lag import loop_lag
from executor.tools.arguments import fit_arguments
from executor.tools.built_in.web_fetch import WebFetch
from executor.tools.custom import CustomTool
from executor.tools.network import Incoming
from executor.tools.tool import ToolFault

D1 = {
    "default": [-1] * 3_000,
    "type": "array",
    "items": {"anyOf": [{"const": number} for number in range(600)]},
}
BIG = 400_000


def calculating(expression):
    async def place(box, _files, call):
        tool = box.tool(ToolSnapshot(name="calculator"))
        await tool.call({"expression": expression}, call)

    return place


def reading(raw, path="x"):
    async def place(box, files, call):
        await kept(files, "x", raw)
        tool = box.tool(ToolSnapshot(name="file_reader"))
        told = await tool.call({"path": path, "offset": 7}, call)
        assert len(told) < 30_000

    return place


def calling(raw):
    class Client:
        async def send(self, _request):
            return Incoming(200, "text/plain", "", raw, cut=False)

    snapshot = ToolSnapshot(
        name="shop",
        endpoint="https://h",
        method="POST",
        headers={f"X-Key-{number}": f'%"<{number}>' + "%00" * 60 for number in range(30)},
    )

    async def place(_box, _files, call):
        await CustomTool(snapshot, Client(), None).run({}, call)

    return place


def fetching(raw, kind="text/html", charset=""):
    class Client:
        async def send(self, _request):
            return Incoming(200, kind, charset, raw, cut=False)

    async def place(_box, _files, call):
        with contextlib.suppress(ToolFault):
            await WebFetch(Client()).run({"url": "https://h"}, call)

    return place


def fitting(schema, arguments):
    async def place(_box, _files, _call):
        await fit_arguments(schema, arguments)

    return place


def saving(schema):
    async def place(_box, _files, _call):
        await beside_the_loop(lambda: schema_fault(schema))

    return place


PLACES = {
    "power of powers": calculating("9**9**9"),
    "powers in a row": calculating("**".join(["9"] * 160)),
    "deep brackets": calculating("(" * 240 + "1" + ")" * 240),
    "many signs": calculating("-" * 498 + "1"),
    "long products": calculating("*".join(["9" * 40] * 12)),
    "many functions": calculating("max(" * 80 + "1" + ")" * 80),
    "no file": reading(b"", path="."),
    "zeros": reading(bytes(BIG)),
    "an unknown encoding": reading(bytes(range(128, 256)) * (BIG // 128)),
    "russian": reading("Привет всем. ".encode("cp1251") * (BIG // 13)),
    "broken utf-8": reading(b"\xc3(" * BIG),
    "a large text": reading(b"word " * (BIG * 4)),
    "a compressed bomb": reading(zlib.compress(bytes(30_000_000))),
    "an answer full of what keys may look like": calling(b"%00" * 350_000),
    "many tags": fetching(b"<div>" * (BIG // 5)),
    "half a page in a comment": fetching(b"<!--" * (BIG // 4)),
    "declarations": fetching(b"<meta " * 170 + b"x" * BIG),
    "utf-16": fetching("<p>x".encode("utf-16-le") * (BIG // 8)),
    "a codec that is slow": fetching(b"a-" * BIG, "text/plain", "punycode"),
    "a schema with a product": fitting(D1, [-1] * 3_000),
    "arguments beside a schema": fitting({"type": "object"}, {"a": [{"b": None}] * 20_000}),
    "null upon null": fitting(
        {"additionalProperties": False}, {f"n{number}": None for number in range(20_000)}
    ),
    "deep arguments": fitting({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, [[[[1]]]]),
    "a schema saved": saving(D1),
    "many patterns saved": saving({"anyOf": [{"pattern": f"(?:a{{1,{n}}}){{1,50}}b"} for n in range(1, 900)]}),
    "many identifiers saved": saving(
        {"$defs": {f"d{n}": {"$id": f"http://h/{n}", "$ref": "#"} for n in range(900)}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_no_value_holds_the_loop(shop, files, call, place):
    box = shop.toolbox()
    box.warm_up()
    await calculating("1+1")(box, files, call)
    await reading(b"tea")(box, files, call)
    await schema_complaint({"pattern": "a"}, "a")
    # What else runs on this machine may keep a thread from handing the interpreter back in time.
    async with loop_lag(starved=math.inf):
        await place(box, files, call)
