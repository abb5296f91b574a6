#!/bin/sh
# `make journeys-compose`: brings the containers up with the settings the journeys need, and runs those on
# them that need no processes of their own. They stay up, so that one can look; `make down` stops them.
set -eu
cd "$(dirname "$0")/../.."
model_port=${KASAL_TEST_MODEL_PORT:-18080}
port=${KASAL_PORT:-8000}
env KASAL_OPEN_ROUTE_LIMIT=100000 KASAL_PLAN_CHANGES=true KASAL_SANDBOX_TOKEN=SANDBOX_TOKEN \
	KASAL_OPENAI_BASE_URL="http://host.docker.internal:$model_port/v1" \
	sh deploy/compose/up.sh
KASAL_TEST_URL="http://127.0.0.1:$port" KASAL_TEST_MODEL="0.0.0.0:$model_port" \
	exec .venv/bin/python -m pytest tests/journeys -m "not own_platform" "$@"
