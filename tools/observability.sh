#!/bin/sh
# Checks the alert rules, plays their tests to them, then has a real Prometheus read a running stack and
# answer every query of the rules and dashboards. Prometheus and promtool come from Debian's package.
set -eu
here=deploy/observability
if ! command -v promtool >/dev/null 2>&1 || ! command -v prometheus >/dev/null 2>&1; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		echo "observability-check needs prometheus and promtool (Debian: apt-get install prometheus)." >&2
		exit 1
	fi
	echo "Installing Prometheus ..."
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# The package starts a server of its own, which nobody needs here.
	mkdir -p /etc/systemd/system && ln -sf /dev/null /etc/systemd/system/prometheus.service
	apt-get install -qq -y --no-install-recommends prometheus >/dev/null
fi
promtool check rules $here/alerts.yaml
promtool test rules $here/alerts_test.yaml
promtool check config $here/prometheus.yaml
.venv/bin/python tools/observability_try.py
