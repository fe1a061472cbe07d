# Every command of the project. `make` alone lists them.
#
# Settings are environment variables: `PORT=9000 make run` and `make run PORT=9000` both
# work. docs/running.md has them all.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
READY := $(VENV)/.ready
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes \
	--no-emit-index-url --no-header
DEMO := var/demo
# Tests with servers wait more than they work: more of them than a machine has cores.
# The features run beside them, and some have deadlines: not many more.
TEST_WORKERS ?= 3
# The documents with the table of what runs everywhere.
TABLES := --write-table README.md --write-table docs/buses/README.md
QUICK_ONES := "not server and not slow and not proof"
# What runs side by side says what it has to say one after the other.
TIDY := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# A start without compiled modules takes seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

# ------------------------------------------------------------------------ running

.PHONY: run
run: $(READY) ## serve on http://127.0.0.1:8000 until Ctrl-C
	@exec $(RUN) app.py

.PHONY: demo
demo: export CATALOG_DATABASE_URL ?= sqlite:///$(DEMO)/catalog.db
demo: export CATALOG_READ_DATABASE_URL ?= sqlite:///$(DEMO)/catalog_read.db
demo: export INVENTORY_DATABASE_URL ?= sqlite:///$(DEMO)/inventory.db
demo: export INVENTORY_READ_DATABASE_URL ?= sqlite:///$(DEMO)/inventory_read.db
demo: $(READY) ## the same with a real shop's products and orders in it
	@# 1: some rows were refused, as they should be.
	@$(BIN)/flask --app app catalog import samples/superstore/products.csv \
		|| test $$? -eq 1
	@$(BIN)/flask --app app inventory replay-orders samples/superstore/order_lines.csv
	@exec $(RUN) app.py

.PHONY: split
split: export NATS_PORT ?= 4222
split: export PUBSUB_PORT ?= 8085
split: export AWS_PORT ?= 4566
split: export AWS_ENDPOINT_URL ?= http://127.0.0.1:$(AWS_PORT)
split: export AWS_ACCESS_KEY_ID ?= storehouse
split: export AWS_SECRET_ACCESS_KEY ?= storehouse
split: export PUBSUB_EMULATOR_HOST ?= 127.0.0.1:$(PUBSUB_PORT)
split: export BUS_URL ?= nats://127.0.0.1:$(NATS_PORT)
split: $(READY) ## a broker and three processes, joined by it, until Ctrl-C
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/honcho start || test $$? -eq 130

.PHONY: postgres
postgres: $(READY) ## a PostgreSQL server to try things with, until Ctrl-C
	@exec $(RUN) -m tests.postgres_server

# ------------------------------------------------------------------------ proving

# What a test is for stands in its marks: `server`, `slow`, `proof` (CONTRIBUTING, Tests).
# Each target leaves out what the one before it has done, so that
# `make check test proof` does everything once.

.PHONY: check
check: $(READY) ## the quick part of the tests, no servers: under a minute
	@$(MAKE) --no-print-directory -j 3 $(TIDY) \
		kernel-tests quick-tests static quick-features

# Two processes that each collect one half take less than workers that collect all.
.PHONY: kernel-tests
kernel-tests: $(READY)
	$(RUN) -m pytest -q -m $(QUICK_ONES) tests/shared_kernel

.PHONY: quick-tests
quick-tests: $(READY)
	$(RUN) -m pytest -q -m $(QUICK_ONES) --ignore tests/shared_kernel -o cache_dir=.pytest_cache/others

.PHONY: quick-features
quick-features: $(READY)
	$(RUN) -m behave --tags "not @slow"

.PHONY: test
test: check ## the rest, each law among it, with a real NATS and PostgreSQL: minutes
	@$(MAKE) --no-print-directory -j 2 server-tests server-features

.PHONY: server-tests
server-tests: $(READY)
	$(RUN) -m pytest -q -n $(TEST_WORKERS) --dist worksteal --durations=25 -m "(server or slow) and not proof"

.PHONY: server-features
server-features: $(READY)
	$(RUN) -m behave --tags "@slow"
	$(RUN) -m features.everywhere --quick --only nats:split:postgresql

.PHONY: proof
proof: $(READY) ## everything else: each matrix, crash point and soak
	@$(MAKE) --no-print-directory -j 2 proofs proof-features

.PHONY: proofs
proofs: $(READY)
	$(RUN) -m pytest -q -n $(TEST_WORKERS) --dist worksteal --durations=25 -m proof

.PHONY: proof-features
proof-features: $(READY)
	$(RUN) -m features.everywhere --quick --without nats:split:postgresql

.PHONY: features-everywhere
features-everywhere: $(READY) ## each scenario, not only those that tell most, on every bus and queue
	@$(RUN) -m features.everywhere $(or $(QUICK),--each-queue $(TABLES))

.PHONY: static
static: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy

.PHONY: bench
bench: $(READY) ## measure against bare Flask, hand-written SQL and other queues
	@$(RUN) -m tests.benchmarks

# ----------------------------------------------------------------------- changing

.PHONY: format
format: $(READY) ## format the code and mend what can be mended by a machine
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: schemas
schemas: $(READY) ## describe the published language: JSON Schemas and AsyncAPI
	@$(RUN) -m shared_kernel.operations.schemas
	@$(RUN) -m shared_kernel.operations.asyncapi app docs/asyncapi.json

.PHONY: lock
lock: $(READY) ## pin every dependency anew, by version and hash
	@$(COMPILE) --all-extras --group test --group environment \
		--output-file requirements/dev.txt pyproject.toml
	@echo uv | $(COMPILE) --no-annotate --constraint requirements/dev.txt \
		--output-file requirements/uv.txt -

# ---------------------------------------------------------------- the environment

.PHONY: env
env: $(READY) ## build .venv from the lock (the other commands do so too)

$(READY): requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Storehouse needs Python 3.11 or newer, e.g. make PYTHON=python3.11" >&2; \
		exit 2; }
	@echo "Building $(VENV) from requirements/"
	@test -x $(RUN) || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(RUN) --disable-pip-version-check --quiet install \
		--require-hashes --requirement requirements/uv.txt
	@$(BIN)/uv --quiet pip sync --python $(RUN) --require-hashes requirements/dev.txt
	@touch $@

.PHONY: clean
clean: ## delete what the commands made, but not var/
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
