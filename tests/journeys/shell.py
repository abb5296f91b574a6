"""Runs what documents tell their readers to type."""

import asyncio
import os
from pathlib import Path

CURL = """\
import argparse, sys, urllib.error, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-N", action="store_true")
parser.add_argument("-X")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
parser.add_argument("-F")
parser.add_argument("--data-binary", dest="d", type=lambda told: open(told[1:]).read())
parser.add_argument("url")
given = parser.parse_args()
headers = dict(line.split(": ", 1) for line in given.H)
body = given.d.encode() if given.d else None
if given.F:
    field, _, path = given.F.partition("=@")
    head = f'--b\\r\\nContent-Disposition: form-data; name="{field}"; filename="{path.rpartition("/")[2]}"\\r\\n\\r\\n'
    with open(path, "rb") as file:
        body = head.encode() + file.read() + b"\\r\\n--b--\\r\\n"
    headers["Content-Type"] = "multipart/form-data; boundary=b"
request = urllib.request.Request(given.url, body, headers, method=given.X)
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as fault:
    answer = fault
with answer:
    for line in answer:
        sys.stdout.write(line.decode())
        sys.stdout.flush()
    sys.stdout.write("\\n")
"""
"""What examples use of curl, which is not on every machine that runs tests."""


async def ran(*arguments: str, text: str = "", path: str = "", folder: Path | None = None) -> str:
    """Run a program to its end, which must be good, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
    )
    async with asyncio.timeout(120):
        printed, said = await process.communicate(text.encode())
    assert process.returncode == 0, said.decode()
    return printed.decode()
