#!/opt/secantus/bin/python
"""A substitute for mongosh: the three things that we need of it, over PyMongo instead of JavaScript."""

import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError

_SECRETS = Path("/run/secrets")


def main() -> None:
    if "--make-root" in sys.argv:
        _until_it_answers("127.0.0.1")
        password = os.environ["MONGO_PASSWORD"]
        _client("127.0.0.1").admin.command("createUser", "root", pwd=password, roles=["root"])
    elif "--eval" in sys.argv:
        _client("mongo").admin.command("ping")
    else:
        _make_the_platforms_user()


def _client(
    host: str, username: str | None = None, password: str | None = None
) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        host,
        serverSelectionTimeoutMS=2000,
        directConnection=True,
        username=username,
        password=password,
    )


def _until_it_answers(host: str) -> None:
    for _ in range(100):
        try:
            _client(host).admin.command("ping")
        except PyMongoError:
            time.sleep(0.1)
        else:
            return
    sys.exit("the database does not answer")


def _make_the_platforms_user() -> None:
    """Do what deploy/compose/mongo-init.js does."""
    root = (_SECRETS / "mongo_root_password").read_text().strip()
    platform = urlsplit((_SECRETS / "kasal_mongo_url").read_text().strip())
    names = ("kasal_auth", "kasal_crews", "kasal_executor")
    roles = [{"role": role, "db": db} for db in names for role in ("readWrite", "dbAdmin")]
    server = _client("mongo", username="root", password=root).admin
    known = server.command("usersInfo", platform.username)["users"]
    verb = "updateUser" if known else "createUser"
    server.command(verb, platform.username, pwd=platform.password, roles=roles)


main()
