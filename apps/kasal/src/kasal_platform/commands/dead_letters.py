"""Show the dead letters of the broker that KASAL_AMQP_URL names, or send them back."""

import asyncio
import sys
from collections.abc import Sequence

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from common.bus.dead_letters import Letter, list_dead_letters, replay
from common.settings import BusSettings, load
from kasal_platform.console import command_parser, say

_SHOWN = 300


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("dead-letters", __doc__)
    parser.add_argument("verb", nargs="?", choices=["list", "replay"], default="list")
    parser.add_argument("ids", nargs="*", help="message ids to replay; all without any")
    asked = parser.parse_args(arguments)
    if asked.ids and asked.verb == "list":
        parser.error("ids are for replay")
    url = load(BusSettings).amqp_url
    if not url.startswith("amqp"):
        sys.exit("KASAL_AMQP_URL must name a RabbitMQ; the bus of `run` is for its process alone")
    try:
        work = replay(url, asked.ids) if asked.verb == "replay" else list_dead_letters(url)
        letters = asyncio.run(work)
    except CONNECTION_EXCEPTIONS as fault:
        sys.exit(f"The broker of KASAL_AMQP_URL cannot be used: {fault}")
    for letter in letters:
        say(_letter_text(letter))
    say(f"{len(letters)} {'sent back' if asked.verb == 'replay' else 'dead letters'}")
    if missing := set(asked.ids) - {letter.message_id for letter in letters}:
        sys.exit(f"Not sent back, gone or from an unknown queue: {', '.join(sorted(missing))}")


def _letter_text(letter: Letter) -> str:
    body = letter.body.decode(errors="replace")[:_SHOWN]
    return (
        f"{letter.message_id}  {letter.type or 'no type'}  from {letter.queue or 'nowhere'}"
        f"  {letter.timestamp:%Y-%m-%dT%H:%M:%SZ}  {letter.job_id}\n"
        f"    why   {letter.reason} (delivered {letter.attempts} times)\n"
        f"    body  {body}"
    )
