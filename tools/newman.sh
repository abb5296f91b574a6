#!/bin/sh
# Starts the platform on a free port with data of its own, fetches its Postman collection and runs it
# from top to bottom with newman (NEWMAN, or the one on the path, or from npm into a temporary folder).
set -eu
python=.venv/bin/python
folder=$(mktemp -d)
platform=
finish() {
	[ -z "$platform" ] || { kill -TERM "$platform" 2>/dev/null && wait "$platform" || true; }
	rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

newman=${NEWMAN:-$(command -v newman || true)}
if [ -z "$newman" ]; then
	command -v npm >/dev/null 2>&1 || { echo "newman needs Node.js with npm." >&2; exit 1; }
	echo "Installing newman into a temporary folder ..."
	npm install --prefix "$folder" --no-package-lock --no-audit --no-fund --silent newman@6
	newman=$folder/node_modules/.bin/newman
fi

port=$($python -c 'from kasal_platform.local.program import free_port; print(free_port())')
root=http://127.0.0.1:$port
KASAL_PORT=$port KASAL_DATA_DIR=$folder/data $python -m kasal_platform run >"$folder/log" 2>&1 &
platform=$!
until grep -q "Kasal is up" "$folder/log"; do
	kill -0 "$platform" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
	sleep 0.2
done

$python -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' \
	"$root/postman/kasal-api-v1.json" "$folder/collection.json"
"$newman" run "$folder/collection.json" --bail failure \
	--env-var "rootUrl=$root" --env-var "baseUrl=$root/api/v1" --reporter-cli-no-banner "$@"
