# Everything a person or a machine does with this project. Needs make and Python 3.11 or newer.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The folder that `make demo` backs up.
DIR ?= .
export DIR
# Where `make bench` writes its figures, and what `make bench-compare` compares with.
OUT ?= .stretto/bench.json
BASE ?= HEAD
SERVICES := workflow decision execution monitoring gateway
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL = $(PIP) install --root-user-action=ignore --constraint requirements.lock
COMPOSE ?= docker compose

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.dev ## make .venv with everything that developing needs

.PHONY: demo
demo: demo-folder $(VENV)/.local ## run a real workflow: back up DIR (default: this folder); KEEP=1 leaves it running
	@$(BIN)/python scripts/demo.py $(if $(KEEP),--keep) -- "$$DIR"

# Before anything is installed for it.
.PHONY: demo-folder
demo-folder:
	@[ -d "$$DIR" ] || { echo "make demo: expected DIR to be a folder, but '$$DIR' is none" >&2; exit 2; }

.PHONY: dev
dev: $(VENV)/.local ## start NATS, Postgres and all services on this machine, until Ctrl-C
	@$(BIN)/stretto dev

.PHONY: up
up: ## start everything in containers and wait until it is ready
	$(COMPOSE) up --build --detach --wait

.PHONY: images
images: ## build a container image of each service
	@for service in $(SERVICES); do \
	  docker build --file deploy/service.Dockerfile --build-arg SERVICE=$$service \
	    --tag stretto-$$service .; \
	done

.PHONY: compose-check
compose-check: $(VENV)/.local ## kill and remove containers under a run, which must complete (Docker)
	@$(BIN)/python -m scripts.compose_check

.PHONY: proto
proto: $(VENV)/.local ## write anew what is made from the code: proto/, deploy/nats/users.conf
	@$(BIN)/python -m scripts.generate

.PHONY: test
test: $(VENV)/.dev ## run all tests on real servers, with coverage; TESTS=path runs some, without
	@scripts/test.sh $(TESTS)

.PHONY: test-long
test-long: $(VENV)/.dev ## the tests that take a minute each, which `make test` has in short
	@scripts/test.sh -m long

.PHONY: check
check: $(VENV)/.dev ## look for mistakes without running anything: format, lint, types, boundaries
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest tests/unit/test_boundaries.py

.PHONY: fix
fix: $(VENV)/.dev ## format, and repair what the linter can repair
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: bench
bench: $(VENV)/.dev ## measure latency, throughput, CPU a step; WORKLOADS="A B" OUT=file.json
	@$(BIN)/stretto bench $(WORKLOADS) --both --out "$(OUT)"

.PHONY: bench-compare
bench-compare: $(VENV)/.dev ## compare this tree with revision BASE=main; WORKLOADS="A B"
	@$(BIN)/python -m stretto.bench.compare "$(BASE)" $(WORKLOADS)

.PHONY: bench-scale
bench-scale: $(VENV)/.dev ## workload B with more processes of one service at a time; SETUPS="workflow=2"
	@$(BIN)/python -m stretto.bench.scaling $(SETUPS)

.PHONY: bench-growth
bench-growth: $(VENV)/.dev ## whether work gets dearer with more of everything; CASES="open devices"
	@$(BIN)/python -m stretto.bench.growing $(CASES)

.PHONY: bench-fleets
bench-fleets: $(VENV)/.dev ## workers and devices in numbers, beside what is promised; CASES="lost scale" TRACE=file.json
	@$(BIN)/python -m stretto.bench.fleets $(CASES) $(if $(TRACE),--trace "$(TRACE)")

.PHONY: bench-decisions
bench-decisions: $(VENV)/.dev ## every figure of decisions with its limit; PARTS="service evaluation"
	@$(BIN)/python -m tests.bench.decision_figures $(if $(PARTS),--only $(PARTS))

.PHONY: chaos
chaos: $(VENV)/.dev ## kill, cut off and restart things under load
	$(BIN)/pytest tests/chaos

.PHONY: lock
lock: ## pin the newest versions that fit pyproject.toml (needs uv)
	uv pip compile --quiet --upgrade --universal --all-extras --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --output-file requirements.lock pyproject.toml

.PHONY: clean
clean: ## remove all that was made here: .venv, caches, the state of `make dev`
	rm -rf $(VENV) .stretto .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	rm -rf build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What `make demo` needs is half of what developing needs: two stamps, the second on top.
$(VENV)/.dev: $(VENV)/.local
	@echo "installing what developing needs …"
	@$(INSTALL) --no-build-isolation --editable '.[dev]'
	@$(BIN)/python -m scripts.redis_server
	@touch $@

$(VENV)/.local: $(VENV)/.made requirements.lock pyproject.toml
	@echo "installing what running needs …"
	@$(INSTALL) setuptools
	@$(INSTALL) --no-build-isolation --editable '.[local]'
	@touch $@

$(VENV)/.made: scripts/new_venv.sh
	@PYTHON="$(PYTHON)" scripts/new_venv.sh $(VENV)
	@touch $@
