#!/bin/sh
# `make compose-try`: docker-compose.yml brought up and the journeys run on it, on a machine whose engine
# can pull no image: Debian, as root. An engine of its own, stand-ins for the images (build.sh), and nothing
# left behind but the figures; KEEP=1 leaves it all running.
set -eu
cd "$(dirname "$0")/../.."
standins=tools/compose_standins
export DOCKER_HOST=unix:///run/kasal-engine/docker.sock
export COMPOSE_PROJECT_NAME=kasal-try COMPOSE_FILE=${COMPOSE_FILE:-docker-compose.yml:$standins/compose.yml}
export KASAL_DATA_DIR=.kasal/standins KASAL_PORT=${KASAL_PORT:-18000}

finish() {
	[ -n "${KEEP:-}" ] && return
	docker compose --progress quiet down --volumes || :
	sh $standins/engine.sh stop
	rm -rf "$KASAL_DATA_DIR"
}

seconds() { # seconds WHAT COMMAND...
	what=$1 && shift
	from=$(date +%s%N)
	"$@"
	echo "$what: $((($(date +%s%N) - from) / 1000000)) ms"
}

if ! docker compose version >/dev/null 2>&1 || ! command -v dockerd debootstrap >/dev/null 2>&1; then
	sh $standins/engine.sh install
fi
docker info >/dev/null 2>&1 || sh $standins/engine.sh start
trap finish EXIT
seconds "stand-ins built" sh $standins/build.sh

# SecantusDB is no replica set, and its updates must not be retried.
secrets=$KASAL_DATA_DIR/compose/secrets
if [ ! -e "$secrets/kasal_mongo_url" ]; then
	(umask 077 && mkdir -p "$secrets")
	password=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
	echo "mongodb://kasal:$password@mongo:27017/?authSource=admin&directConnection=true&retryWrites=false" >"$secrets/kasal_mongo_url"
	chmod 444 "$secrets/kasal_mongo_url"
fi

export KASAL_COMPOSE_QUIET=1
seconds "first make up, image built" sh deploy/compose/up.sh
seconds "make up again" sh deploy/compose/up.sh
docker stats --no-stream --format 'table {{.Name}}\t{{.MemUsage}}\t{{.PIDs}}'
sh deploy/compose/journeys.sh "$@"
seconds "all containers stopped" docker compose --progress quiet stop
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' kasal
docker history --format '{{.Size}} {{.CreatedBy}}' --no-trunc "kasal:local" | grep -E '^[0-9.]+[MG]B' | cut -c1-80
