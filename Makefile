# Every command of the project. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes \
	--no-emit-index-url --no-header

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

.PHONY: env
env: $(STAMP) ## build .venv from the lock

$(STAMP): requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Storehouse needs Python 3.11 or newer: make PYTHON=python3.11" >&2; \
		exit 2; }
	@echo "Building $(VENV) from requirements/ (once, and after each change there)"
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes \
		requirements/dev.txt
	@touch $@

.PHONY: lock
lock: $(STAMP) ## pin every dependency anew, by version and hash
	@$(COMPILE) --all-extras --group test --group environment \
		--output-file requirements/dev.txt pyproject.toml
	@echo uv | $(COMPILE) --no-annotate --constraint requirements/dev.txt \
		--output-file requirements/uv.txt -
