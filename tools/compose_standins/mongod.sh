#!/bin/bash
# In place of the entrypoint of MongoDB's image: makes the root user, then serves with authentication.
set -eu
serve() {
	exec /opt/secantus/bin/secantusd-py --storage-path /data/db --cache-size 128M --standalone "$@"
}
if [ ! -e /data/db/.users ]; then
	(serve --host 127.0.0.1) &
	MONGO_PASSWORD=$(cat "$MONGO_INITDB_ROOT_PASSWORD_FILE") mongosh --make-root
	kill "$!"
	wait "$!" || :
	touch /data/db/.users
fi
serve --host 0.0.0.0 --auth
