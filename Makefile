# Needs only Python >= 3.11 and the package registries; `make` alone explains itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed
BROKER_STAMP := .venv/.broker
PARSER := tests/contracts/asyncapi
PARSER_STAMP := $(PARSER)/node_modules/.package-lock.json
BENCH_STAMP := .venv-bench/.installed
QUICK ?=
SEED ?= 1
STEPS ?= 150000
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  Pass options with ARGS, for example: make run ARGS="--for 60 --city members=1000"'

.PHONY: install
install: $(STAMP) $(BROKER_STAMP) $(if $(shell command -v npm),$(PARSER_STAMP)) ## Create .venv, install the locked packages, fetch the broker
	@:

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Careloop needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make install PYTHON=python3.12" >&2; exit 1; }
	@echo "Creating .venv"
	@$(PYTHON) -m venv .venv || { \
		echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; \
		rm -rf .venv; exit 1; }

$(STAMP): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --no-index --editable .
	@touch $@

$(BROKER_STAMP): services/local/broker/jars.sha256 | $(STAMP)
	@$(BIN)/python -m services.local.broker fetch
	@touch $@

# Only the tests of the contract use it; where there is no npm they say that they are skipped.
$(PARSER_STAMP): $(PARSER)/package-lock.json
	@echo "Fetching the AsyncAPI parser"
	@npm ci --prefix $(PARSER) --loglevel=error >/dev/null
	@touch $@

.PHONY: run
run: install ## Run everything: broker, services and a synthetic city
	@$(BIN)/careloop run $(ARGS)

.PHONY: test
test: install ## Run all tests, the integration tests on the embedded Kafka
	@$(BIN)/python -m pytest $(ARGS)

$(BENCH_STAMP): requirements-bench.lock | $(STAMP)
	@echo "Installing the peers into .venv-bench"
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements-bench.lock
	@touch $@

.PHONY: bench
bench: install $(BENCH_STAMP) ## Measure Careloop beside its peers; QUICK=1 for a short run
	@.venv-bench/bin/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

.PHONY: simulate
simulate: install ## Simulate all services under faults, from SEED, for STEPS steps
	@$(BIN)/python -m tests.simulation $(SEED) $(STEPS)

.PHONY: mutants
mutants: install ## Plant a bug for each invariant and guard; fails if one is not caught
	@$(BIN)/python -m tests.mutants $(ARGS)

.PHONY: faults
faults: install ## Kill, pause and starve the system: SEED=… RUNS=… (docs/faults.md)
	@$(BIN)/python -m tests.faults --runs $(or $(RUNS),5) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: check
check: install ## Everything CI asks for: format, lint, types, imports, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy --strict services
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

.PHONY: format
format: install ## Format the code and apply safe lint fixes
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: lock
lock: | $(BIN)/python ## Resolve the dependencies anew into the lock files
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@$(LOCK) --upgrade pyproject.toml --output-file requirements.lock
	@$(LOCK) --upgrade --constraint requirements.lock --extra local --group dev pyproject.toml \
		--output-file requirements-dev.lock
	@# Quix Streams needs older releases of these two; all else is what Careloop ships with.
	@grep -E '^[a-z].*==' requirements.lock | sed 's/ .$$//' \
		| grep -vE '^(pydantic|pydantic-core|pydantic-settings)==' >.venv/bench-constraints.txt
	@$(LOCK) --upgrade --no-annotate --constraint .venv/bench-constraints.txt --extra local \
		pyproject.toml requirements-bench.in --output-file requirements-bench.lock

.PHONY: clean
clean: ## Remove .venv, caches and build output (data directories stay)
	@rm -rf .venv .venv-bench dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
