#!/bin/sh
# Ends with one line that says what is missing, where there is no Docker engine with Compose.
set -eu
if ! command -v docker >/dev/null 2>&1; then
	echo "Kasal's containers need Docker with Compose 2.20 or later (without it: make run)." >&2
	exit 1
fi
if ! docker compose version >/dev/null 2>&1; then
	echo "This Docker lacks Compose: install the plugin docker-compose-plugin, 2.20 or later." >&2
	exit 1
fi
if ! docker info >/dev/null 2>&1; then
	echo "Docker's engine does not answer: is it running, and may you use it? (docker info)" >&2
	exit 1
fi
