"""The verb `reseal`: it seals secrets again that are sealed under an older secret key.

After this step of a rotation the old key can be removed. It can be interrupted and repeated.
"""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from common.backends import Backends
from common.errors import Unavailable
from common.logs import configure_logging, get_logger
from common.security.rotation import RotatingSecret
from common.security.sealing import CannotOpen, Sealer
from common.settings import SealingSettings, load
from common.storage.ports import Collection, Database
from common.web import server

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Resealed:
    """Counts of what happened to a collection's sealed fields."""

    what: str
    current: int = 0
    anew: int = 0
    lost: int = 0
    """Fields that no key of KASAL_SECRET_KEY opens."""

    def __str__(self) -> str:
        told = f"{self.what}: {self.anew} sealed anew, {self.current} were under the current key"
        if self.lost:
            told += (
                f"; {self.lost} open under none of the keys in KASAL_SECRET_KEY: add the one they were "
                "sealed under, or have them written again"
            )
        return told


Reseal = Callable[[Database, RotatingSecret], Awaitable[list[Resealed]]]


async def reseal_field(what: str, collection: Collection, field: str, sealer: Sealer) -> Resealed:
    """Seal `field` again in every document in which it is under an older key.

    A field that somebody else writes in the meantime is left alone.
    """
    counts = {"current": 0, "anew": 0, "lost": 0}
    async for document in collection.find({field: {"$type": "binData"}}, {field: 1}):
        try:
            renewed = sealer.reseal(document[field], str(document["_id"]))
        except CannotOpen:
            log.warning("no key opens a secret", what=what, id=str(document["_id"]))
            counts["lost"] += 1
            continue
        counts["current" if renewed is None else "anew"] += 1
        if renewed is not None:
            query = {"_id": document["_id"], field: document[field]}
            await collection.update_one(query, {"$set": {field: renewed}})
    return Resealed(what, **counts)


def run(service: str, reseal: Reseal) -> None:
    """Run the verb on the database of the settings, print the counts, and exit.

    The exit code is 1 if a field could not be opened or the database did not answer.
    """
    settings = load(SealingSettings)
    configure_logging(settings.log_level, settings.log_format, service)

    done: list[Resealed] = []

    async def work() -> None:
        opened = Backends().database(settings, service)
        try:
            done.extend(await reseal(opened.database, settings.secret_key))
        finally:
            await opened.close()

    try:
        server.run(work)
    except (PyMongoError, Unavailable) as fault:
        sys.exit(f"Resealing of {service} was interrupted; run it again: {fault}")
    for one in done:
        sys.stdout.write(f"{one}\n")
    if any(one.lost for one in done):
        sys.exit(1)
