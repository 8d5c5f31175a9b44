# The verbs that people and CI share. Needs Python 3.11 or later, make and git; everything else sets itself up in .venv.

VENV ?= .venv
JOBS ?= auto
ARGS ?=
HOST = $(STOWAGE_HOST)
PORT = $(STOWAGE_PORT)
PYTHON ?= $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(python))))

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
INSTALL := $(PIP) install --require-hashes -r
# The build backend is in the locks too, so nothing unpinned is fetched to install Stowage itself.
INSTALL_SELF := $(PIP) install --no-build-isolation --no-deps --editable .
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install run test lint format type imports check bench docs lock vendor clean

help:  ## This list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.dev  ## Set up .venv with everything for development

run: $(VENV)/.runtime  ## Start Stowage (HOST=0.0.0.0 PORT=9000 to listen elsewhere)
	@exec $(BIN)/stowage serve $(if $(HOST),--host '$(HOST)') $(if $(PORT),--port '$(PORT)') $(ARGS)

test: $(VENV)/.dev $(VENV)/.chromium  ## Run all tests (ARGS='-k upload' for some, JOBS=0 for one process)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev  ## Repair style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: $(VENV)/.dev  ## Check types, strictly
	$(BIN)/mypy

imports: $(VENV)/.dev  ## Check who imports whom
	$(BIN)/lint-imports --no-logo

check: lint type imports test  ## All of the above checks

bench: $(VENV)/.bench  ## Measure, and write benchmarks/results.md
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.runtime  ## Write docs/openapi.json and the tables of docs/settings.md from the code
	$(BIN)/python -m tools.settings_docs
	$(BIN)/stowage openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

lock: $(VENV)/.dev  ## Renew the lock files after a change in pyproject.toml (UPGRADE=1 for newer versions)
	$(COMPILE) pyproject.toml --group build -o requirements.lock > /dev/null
	$(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock > /dev/null
	$(COMPILE) --group bench -c requirements-dev.lock -o requirements-bench.lock > /dev/null

vendor: $(VENV)/.dev  ## Fetch the third-party front-end files again (tools/vendor.toml)
	$(BIN)/python -m tools.vendor

clean:  ## Remove .venv and caches; keep data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp says: .venv holds what this lock file lists.

$(VENV)/.python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { echo "Stowage needs Python 3.11 or later. Install it, or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { echo "$(PYTHON) cannot make virtual environments: its module ensurepip is missing. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.python
	@echo "Installing what Stowage needs (once) ..."
	@$(INSTALL) requirements.lock
	@$(INSTALL_SELF)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.python
	@echo "Installing what Stowage's development needs (once) ..."
	@$(INSTALL) requirements-dev.lock
	@$(INSTALL_SELF)
	@touch $(VENV)/.runtime $@

# For the browser tests, which skip without it: tried once, wherever this may install programs.
$(VENV)/.chromium: | $(VENV)/.python
	@.ci/chromium
	@touch $@

$(VENV)/.bench: requirements-bench.lock $(VENV)/.dev
	@echo "Installing what the benchmarks need (once) ..."
	@$(INSTALL) requirements-bench.lock
	@touch $@
