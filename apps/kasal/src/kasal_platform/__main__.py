"""`kasal-platform COMMAND`, or `python -m kasal_platform COMMAND`: one module per command."""

import gc
import importlib
import sys
from collections.abc import Mapping, Sequence

COMMANDS: Mapping[str, str] = {
    "run": "start the whole platform in one process, for a laptop",
    "stack": "start every service as its own process, over RabbitMQ, Redis and MongoDB",
    "demo": "create a demo user and crew on a running platform, and show one run",
    "migrate": "migrate every service's database to the schema of this version",
    "backup": "save the databases in a folder",
    "restore": "restore the databases from a folder",
    "import-data": "bring the data of a release before SQLite over, from the folder of `run`",
    "import-files": "bring files of a release that read them from KASAL_FILES_DIR over",
    "dead-letters": "list the dead letters of the broker, or send them back",
    "doctor": "check what the platform needs to run",
}
_HELP = ("-h", "--help")
_INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended, as shells count it."""


def main() -> None:
    """Run the command in the command line."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in _HELP:
        sys.stdout.write(_overview())
    elif name in COMMANDS:
        try:
            _run(name, arguments)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
    else:
        sys.exit(f"There is no command {name!r}. The commands are: {', '.join(COMMANDS)}.")


def _run(name: str, arguments: Sequence[str]) -> None:
    # What imports create stays for good: collecting garbage among it takes a tenth of a start's time.
    gc.disable()
    from kasal_platform.faults import ending_plainly

    with ending_plainly():
        # Import only this command's module: others may need libraries that are not installed.
        module = importlib.import_module(f"kasal_platform.commands.{name.replace('-', '_')}")
        gc.freeze()
        gc.enable()
        module.main(arguments)


def _overview() -> str:
    lines = "".join(f"  {name:<14} {what}\n" for name, what in COMMANDS.items())
    return (
        f"usage: kasal-platform COMMAND [--help] ...\n\n{lines}\n"
        "Settings come from the environment (KASAL_...); docs/reference/settings.md lists them.\n"
    )


if __name__ == "__main__":
    main()
