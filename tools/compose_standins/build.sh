#!/bin/sh
# Makes the images that docker-compose.yml names, on a machine whose engine can pull none: from Debian's
# packages and ours, under the same names. Needs root, debootstrap and a Docker engine (DOCKER_HOST).
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
suite=trixie

image() { # image NAME: what docker-compose.yml or the Dockerfile calls it
	grep -ho "$1:[0-9][A-Za-z0-9.-]*" "$root/docker-compose.yml" "$root/Dockerfile" | head -n 1
}

build() { # build NAME FILE: in an empty context but for the lock
	echo "$1"
	docker build --quiet --network host --tag "$1" --file "$2" --build-arg "PYTHON_IMAGE=$(image python)" "$context"
}

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$root/requirements-dev.lock" mongod.sh mongosh.py "$context/"
if ! docker image inspect kasal-standin/debian >/dev/null 2>&1; then
	debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata "$suite" "$context/debian" >"$context/log" ||
		{ tail -n 5 "$context/log" >&2; exit 1; }
	# What this machine trusts, the containers of these tests trust too.
	cp -L /etc/ssl/certs/ca-certificates.crt "$context/debian/etc/ssl/certs/"
	rm -rf "$context/debian/var/cache/apt/archives" "$context/debian/var/lib/apt/lists" \
		"$context/debian/usr/share/doc" "$context/debian/usr/share/man" "$context/debian/usr/share/locale"
	tar -C "$context/debian" -c . | docker import - kasal-standin/debian
	rm -rf "$context/debian"
fi
build "$(image python)" base.Dockerfile
build "$(image mongo)" mongo.Dockerfile
build "$(image rabbitmq)" rabbitmq.Dockerfile
build "$(image redis)" redis.Dockerfile
