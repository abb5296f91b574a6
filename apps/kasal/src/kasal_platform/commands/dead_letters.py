"""Shows the dead letters, or sends them back: `python tools/dead_letters.py [replay [message-id …]]`.

The broker is the one that `KASAL_AMQP_URL` names.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from common.bus.dead_letters import Letter, listed, replay

_SHOWN = 300


def main() -> None:
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__)
    parser.add_argument("verb", nargs="?", choices=["list", "replay"], default="list")
    parser.add_argument("ids", nargs="*", help="message ids to replay; all without any")
    asked = parser.parse_args()
    url = os.environ.get("KASAL_AMQP_URL", "")
    if not url.startswith("amqp"):
        sys.exit("KASAL_AMQP_URL must name a RabbitMQ; the in-process bus ends with its process")
    try:
        work = replay(url, asked.ids) if asked.verb == "replay" else listed(url)
        letters = asyncio.run(work)
    except CONNECTION_EXCEPTIONS as fault:
        sys.exit(f"The broker of KASAL_AMQP_URL cannot be used: {fault}")
    for letter in letters:
        print(_shown(letter))
    print(f"{len(letters)} {'sent back' if asked.verb == 'replay' else 'dead letters'}")


def _shown(letter: Letter) -> str:
    body = letter.body.decode(errors="replace")[:_SHOWN]
    return (
        f"{letter.message_id}  {letter.type or 'no type'}  from {letter.queue or 'nowhere'}"
        f"  {letter.timestamp:%Y-%m-%dT%H:%M:%SZ}  {letter.job_id}\n"
        f"    why   {letter.reason} (handed out {letter.attempts} times)\n"
        f"    body  {body}"
    )


if __name__ == "__main__":
    main()
