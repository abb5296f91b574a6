#!/bin/sh
# Makes .venv with the locked dependencies: `setup.sh run` what the platform needs, `setup.sh dev`
# what its development needs too.
set -eu
kind=$1
lock=requirements.lock
[ "$kind" = dev ] && lock=requirements-dev.lock

good_python() {
	for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3; do
		command -v "$name" >/dev/null 2>&1 || continue
		"$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
		echo "$name"
		return
	done
}

python=$(good_python)
if [ -z "$python" ]; then
	echo "Kasal needs CPython 3.11, 3.12 or 3.13 as python3 (or name one: make $kind PYTHON=/path/to/python3.12)." >&2
	exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
	echo "Kasal needs Python's venv module: install the package python3-venv." >&2
	exit 1
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
# The lock is complete: resolving it again is slow, and fails once a newer version of a package that
# another one asks for with an extra is out.
echo "Installing the locked dependencies into .venv (once; about a minute) ..."
if ! .venv/bin/python -m pip install --quiet --require-hashes --no-deps -r "$lock" 2>.venv/pip.log; then
	tail -n 3 .venv/pip.log >&2
	echo "The dependencies could not be installed: is there a network? All of it is in .venv/pip.log." >&2
	exit 1
fi
members=""
for project in apps/*/pyproject.toml clients/*/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml; do
	member=${project%/pyproject.toml}
	[ "$kind $member" = "run libs/devkit" ] || members="$members -e ./$member"
done
# shellcheck disable=SC2086 # one word per member is meant
if ! .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation $members 2>.venv/pip.log; then
	tail -n 3 .venv/pip.log >&2
	echo "The services could not be installed into .venv: see .venv/pip.log." >&2
	exit 1
fi
# Pip compiles what it copies, but the members stay where they are. Otherwise each start would compile them, where
# Python may not write beside the sources, and the first one everywhere.
# shellcheck disable=SC2046 # one word per folder is meant
.venv/bin/python -m compileall -q $(ls -d apps/*/src clients/*/src libs/*/src services/*/src)
touch .venv/installed-run
[ "$kind" != dev ] || touch .venv/installed-dev
