# Every target is a line in `make help`. A shell and a CPython 3.11 to 3.13 with venv are all it needs.
.DEFAULT_GOAL := help
PY := .venv/bin/python
SERVICES := $(shell sed -n 's/^\[\([a-z]*\)\]$$/\1/p' services.toml)
SOURCES := apps/kasal/src clients/python/src libs/common/src libs/devkit/src $(SERVICES:%=services/%/src)
MEMBERS := $(wildcard apps/*/pyproject.toml clients/*/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml)
PACKAGES := kasal kasal-client kasal-common kasal-devkit kasal-platform $(SERVICES:%=kasal-%)
LOCK := uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	$(addprefix --no-emit-package ,$(PACKAGES))
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed-run: requirements.lock $(MEMBERS) tools/setup.sh
	@sh tools/setup.sh run

.venv/installed-dev: requirements-dev.lock $(MEMBERS) tools/setup.sh
	@sh tools/setup.sh dev

.PHONY: run
run: ## start the whole platform in one process on http://127.0.0.1:8000
	@sh tools/console.sh offer $(MAKE) -s .venv/installed-run
	@exec .venv/bin/kasal-platform run

.PHONY: stack
stack: ## start every service as its own process over RabbitMQ and Redis
	@sh tools/console.sh offer $(MAKE) -s .venv/installed-dev
	@exec .venv/bin/kasal-platform stack

.PHONY: console
console: ## build the console that `make run` serves at /console (Node 20.19, or the one of PyPI)
	@sh tools/console.sh build

.PHONY: up
up: ## start everything as containers (needs Docker with Compose; docs/how-to/compose.md)
	@sh deploy/compose/up.sh

.PHONY: down
down: ## stop the containers and keep their data (VOLUMES=1 removes that too)
	@sh deploy/compose/engine.sh && sh deploy/compose/prepare.sh
	@docker compose --profile observability down $(if $(VOLUMES),--volumes)

.PHONY: test
test: lint .venv/installed-dev ## lint, then all tests, beside one another, over real RabbitMQ and Redis
	$(PY) -m pytest -n auto --dist loadscope --no-loadscope-reorder $(PYTEST)

.PHONY: unit
unit: .venv/installed-dev ## the tests that need no backend
	$(PY) -m pytest apps/*/tests/unit clients/python/tests/unit libs/*/tests/unit services/*/tests/unit tests/deploy

.PHONY: journeys
journeys: .venv/installed-dev ## the stories over the whole system, in both forms
	$(PY) -m pytest tests/journeys

.PHONY: journeys-compose
journeys-compose: .venv/installed-dev ## the same stories on the containers, which it brings up
	@sh deploy/compose/journeys.sh

.PHONY: compose-try
compose-try: .venv/installed-dev ## the same where no image can be pulled: Debian, as root, with stand-ins
	@sh tools/compose_standins/try.sh

.PHONY: lint
lint: .venv/installed-dev ## ruff, mypy strict, import rules, drift of generated documents
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(SOURCES) bench tools
	.venv/bin/lint-imports --no-logo
	$(PY) tools/openapi.py --check
	$(PY) tools/postman.py --check
	$(PY) tools/api_reference.py --check
	$(PY) tools/command_reference.py --check
	$(PY) tools/asyncapi.py --check
	$(PY) tools/event_reference.py --check
	$(PY) tools/settings.py --check
	$(PY) tools/log_events.py --check
	$(PY) tools/scale.py --check
	$(PY) tools/indexes.py --check
	$(PY) tools/services.py
	$(PY) tools/built_in.py --check
	$(PY) tools/client_models.py --check
	$(PY) tools/client_sync.py --check
	$(PY) tools/class_names.py
	$(PY) tools/function_names.py
	$(PY) tools/wording.py
	$(PY) tools/test_names.py
	$(PY) tools/sizes.py
	sh tools/console.sh check

.PHONY: docs
docs: .venv/installed-dev ## write the generated documents anew
	$(PY) tools/openapi.py
	$(PY) tools/postman.py
	$(PY) tools/api_reference.py
	$(PY) tools/command_reference.py
	$(PY) tools/asyncapi.py
	$(PY) tools/event_reference.py
	$(PY) tools/settings.py
	$(PY) tools/log_events.py
	$(PY) tools/scale.py
	$(PY) tools/indexes.py
	$(PY) tools/built_in.py
	$(PY) tools/client_models.py
	$(PY) tools/client_sync.py
	sh tools/console.sh generate

.PHONY: format
format: .venv/installed-dev ## format the code and sort its imports
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

.PHONY: bench
bench: .venv/installed-dev ## speed side by side with the peers, as ratios (BENCH="engine --rounds 1" for one)
	$(PY) -m bench $(BENCH)

.PHONY: chaos
chaos: .venv/installed-dev ## kill everything around running jobs and count (JOBS=200 MINUTES=3 SEED=… EMBEDDED=1)
	@cd tests && exec ../$(PY) -m chaos $(if $(EMBEDDED),--embedded) $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: newman
newman: .venv/installed-run ## run the Postman collection against the platform (needs Node.js)
	@sh tools/newman.sh

.PHONY: k8s-check
k8s-check: ## render deploy/k8s and check it (kubernetes-validate, checkov)
	@sh tools/k8s_check.sh

.PHONY: k8s-secrets
k8s-secrets: ## make the secrets of deploy/k8s/overlays/local
	@sh tools/k8s_secrets.sh

.PHONY: backup
backup: .venv/installed-run ## save the databases of KASAL_MONGO_URL, else of make run, in FOLDER, while it runs
	@.venv/bin/kasal-platform backup $(FOLDER)

.PHONY: restore
restore: .venv/installed-run ## bring them back from FOLDER (DROP=1: over what there is)
	@.venv/bin/kasal-platform restore $(FOLDER) $(if $(DROP),--drop)

.PHONY: import-data
import-data: .venv/installed-run ## bring the data of a release before SQLite over into make run (FROM=FOLDER)
	@.venv/bin/kasal-platform import-data $(if $(FROM),--from $(FROM)) $(if $(DROP),--drop)

.PHONY: dead-letters
dead-letters: .venv/installed-dev ## show the dead letters of KASAL_AMQP_URL (REPLAY=1 sends them back)
	@.venv/bin/kasal-platform dead-letters $(if $(REPLAY),replay)

.PHONY: demo
demo: .venv/installed-run ## make the demo user and crew on the running platform, and show one run
	@.venv/bin/kasal-platform demo

.PHONY: migrate
migrate: .venv/installed-run ## bring the databases of KASAL_MONGO_URL, else of the stopped make run, to this version
	@.venv/bin/kasal-platform migrate

.PHONY: doctor
doctor: .venv/installed-run ## check what the platform needs to run
	@.venv/bin/kasal-platform doctor

.PHONY: observability-check
observability-check: .venv/installed-dev ## alert rules and dashboards tried on a real Prometheus (Debian, root: installs it)
	@sh tools/observability.sh

.PHONY: release
release: .venv/installed-dev ## wheels of every part, and the SBOM of what the image stands on (CycloneDX), in dist/
	@sh tools/release.sh

.PHONY: lock
lock: ## resolve the lock files anew (needs uv)
	$(LOCK) --group build pyproject.toml -o requirements.lock
	$(LOCK) --group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements.lock libs/common/pyproject.toml services/*/pyproject.toml \
		-o requirements-services.lock
	$(LOCK) -c requirements.lock --group build -o requirements-build.lock
	$(LOCK) --group node -o requirements-node.lock

.PHONY: clean
clean: ## remove the environment, what was built and all local data
	rm -rf console/dist console/dist.new console/node_modules .stamps
	rm -rf .venv .kasal .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
