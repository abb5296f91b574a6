#!/bin/sh
# `make up`: the platform as containers, ready when this returns.
#
# Settings given to it (make up KASAL_LOG_LEVEL=DEBUG OPENAI_API_KEY=...) go to the services and hold
# until the next `make up`; those in .kasal/compose/settings.env hold for good.
set -eu
cd "$(dirname "$0")/../.."
sh deploy/compose/engine.sh
sh deploy/compose/prepare.sh

case ",${COMPOSE_PROFILES:-}," in
*,observability,*) : "${OTEL_EXPORTER_OTLP_ENDPOINT:=http://otel-collector:4318}" ;;
esac
export OTEL_EXPORTER_OTLP_ENDPOINT="${OTEL_EXPORTER_OTLP_ENDPOINT:-}"

umask 077 # what is given may be a key
given=$(env | grep -E '^(KASAL_[A-Z_]+|OTEL_[A-Z_]+|(OPENAI|ANTHROPIC|GOOGLE|GEMINI|TAVILY|BRAVE)_API_KEY)=.' || :)
case $given in
*\'*)
	echo "A setting with a ' in it can't be given here: put it into .kasal/compose/settings.env." >&2
	exit 1
	;;
esac
echo "$given" | sed "s/=\(.*\)/='\1'/" >"${KASAL_DATA_DIR:-.kasal}/compose/given.env"

KASAL_REVISION=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
KASAL_VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
export KASAL_REVISION KASAL_VERSION
echo "Building the image (the first time this takes some minutes) ..."
docker compose build --quiet gateway
docker compose ${KASAL_COMPOSE_QUIET:+--progress quiet} up --detach --wait --remove-orphans

host=${KASAL_HOST:-127.0.0.1}
cat <<END
Kasal is up.
  API      http://$host:${KASAL_PORT:-8000}/api/v1
  Docs     http://$host:${KASAL_PORT:-8000}/docs
  Logs     docker compose logs -f
  Secrets  ${KASAL_DATA_DIR:-.kasal}/compose/secrets
Register a user to begin (docs/how-to/compose.md). \`make down\` stops it and keeps the data.
END
case ",${COMPOSE_PROFILES:-}," in
*,observability,*)
	cat <<END
  Grafana     http://$host:${GRAFANA_PORT:-3000}  (admin, ${KASAL_DATA_DIR:-.kasal}/compose/secrets/grafana_password)
  Jaeger      http://$host:${JAEGER_PORT:-16686}
  Prometheus  http://$host:${PROMETHEUS_PORT:-9090}
END
	;;
esac
