"""Create a demo user and crew on a running platform, and show one run with its live events.

KASAL_DEMO_EMAIL and KASAL_DEMO_PASSWORD name the user, who may exist already.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import aiohttp

from common.settings import load
from kasal_platform.api_client import ApiError
from kasal_platform.config import Settings
from kasal_platform.console import command_parser
from kasal_platform.demo import show_demo


def main(arguments: Sequence[str]) -> None:
    settings = load(Settings)
    parser = command_parser("demo", __doc__)
    parser.add_argument(
        "url",
        nargs="?",
        type=_web_address,
        default=f"http://{settings.host}:{settings.port}",
        help="where the platform answers (%(default)s)",
    )
    url = parser.parse_args(arguments).url
    try:
        asyncio.run(show_demo(url.rstrip("/") + "/api/v1", settings))
    except (ApiError, aiohttp.ClientError, TimeoutError) as fault:
        sys.exit(f"The demo cannot be shown on {url}: {fault}")


def _web_address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} does not start with http:// or https://")
    return text
