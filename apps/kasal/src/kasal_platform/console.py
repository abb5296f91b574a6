"""What commands print: one line at a time."""

import argparse
import contextlib
import sys


def say(line: str) -> None:
    """Print a line at once, even if nobody reads the output any more."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def command_parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a command's own arguments."""
    return argparse.ArgumentParser(prog=f"kasal-platform {command}", description=description)
