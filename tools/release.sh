#!/bin/sh
# Builds dist/: a wheel of every part that ships, and the SBOM (CycloneDX) of what the image stands on.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
rm -rf dist
mkdir dist
$python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist \
	./apps/kasal ./clients/python ./libs/common ./services/*/
.venv/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application \
	--output-reproducible --output-format JSON --output-file "dist/kasal-$version.cdx.json" \
	requirements-services.lock
ls dist
