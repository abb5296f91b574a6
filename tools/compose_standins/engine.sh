#!/bin/sh
# A Docker engine of its own for the trial: `engine.sh start`, `engine.sh stop` (which leaves nothing
# behind), `engine.sh install` on Debian. It touches no other engine of this machine.
set -eu
home=${KASAL_ENGINE_HOME:-/var/lib/kasal-engine}
run=/run/kasal-engine

install_all() {
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io debootstrap iptables >/dev/null
	docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 && return
	# Debian 12 has Compose 1 and no Buildx; Debian 13's are single programs that need its C library only.
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' | awk '$2 == "Debian" && $1 !~ /security/ {print $1; exit}')
	new=$(mktemp -d)
	mkdir -p "$new/lists/partial" "$new/cache/archives/partial" "$new/files" /usr/libexec/docker/cli-plugins
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$new/sources.list"
	apt="apt-get -qq -o Dir::Etc::sourcelist=$new/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$new/lists -o Dir::Cache=$new/cache -o APT::Sandbox::User=root"
	$apt update
	(cd "$new" && $apt download docker-compose docker-buildx && for file in ./*.deb; do dpkg -x "$file" files; done)
	install -m 755 "$new"/files/usr/libexec/docker/cli-plugins/docker-* /usr/libexec/docker/cli-plugins/
	rm -rf "$new"
}

start() {
	mkdir -p "$home" "$run"
	setsid dockerd --data-root "$home" --exec-root "$run" --pidfile "$run/pid" -H "unix://$run/docker.sock" \
		>"$run/log" 2>&1 </dev/null &
	for _ in $(seq 100); do
		DOCKER_HOST="unix://$run/docker.sock" docker info >/dev/null 2>&1 && return
		sleep 0.2
	done
	tail -n 3 "$run/log" >&2
	exit 1
}

stop() {
	if [ -s "$run/pid" ]; then
		pid=$(cat "$run/pid")
		kill "$pid" 2>/dev/null || :
		while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
	fi
	rm -rf "$home" "$run"
}

case ${1:-} in
install) install_all ;;
start) start ;;
stop) stop ;;
*) sed -n 2,3p "$0" >&2 && exit 2 ;;
esac
