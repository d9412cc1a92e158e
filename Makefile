# Each target sets up all it needs: a virtual environment with the locked packages; `demo` and `test` also a broker.
# `make` alone prints the targets: the text behind `##` stands for a target, a line that begins with `##` for a group.
PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
INSTALLED := .venv/.installed
KERNELS := .venv/.kernels
UNIT := .venv/unit.log
PIP := $(BIN)/python -m pip install --quiet --no-compile

.DEFAULT_GOAL := help
.PHONY: help demo test unit lint bench gate clean lock

help:  ## print this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^## / { printf "\n%s\n", substr($$0, 4) } \
	  /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## To see it
demo: $(RUNTIME)  ## replay MovieLens through a real Kafka and a real worker, and watch
	@$(BIN)/python -m stream.processes.kafka_home || $(MAKE) --no-print-directory $(INSTALLED)  # has a mock of Kafka
	$(BIN)/headwater demo

## To work on it
# Tests with a broker wait half of their time: the others, at a lower priority, take what they leave of the processors.
test: $(INSTALLED) $(KERNELS)  ## all tests; those marked kafka start a real broker
	@nice $(BIN)/python -m pytest -m "not kafka" -n 2 --dist loadfile >$(UNIT) 2>&1 & unit=$$!; \
	  trap 'kill $$unit 2>/dev/null' EXIT; \
	  $(BIN)/python -m pytest -m kafka; failed=$$?; \
	  wait $$unit || failed=$$?; cat $(UNIT); exit $$failed

unit: $(INSTALLED) $(KERNELS)  ## the tests that need no broker, without the long simulations
	$(BIN)/python -m pytest -m "not kafka" --ignore tests/simulation

lint: $(INSTALLED)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

## To measure it
bench: $(INSTALLED) $(KERNELS)  ## speed through a real Kafka on this machine
	$(BIN)/headwater bench

gate: $(INSTALLED) $(KERNELS)  ## is the engine slower than where this branch began? ratios, no times; BASE=commit
	$(BIN)/python benchmarks/gate.py $(BASE)

## To keep house
lock:  ## refresh requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
	  --extra dev --extra demo --python-version 3.11 pyproject.toml -o requirements.lock --upgrade
	uv pip compile --universal --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
	  -c requirements.lock --python-version 3.11 pyproject.toml -o requirements-runtime.lock

clean:  ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info

# What is compiled already is found in a second: see stream/compiling.
$(KERNELS): $(INSTALLED) $(shell find bandits learners stream -name "*.py")
	$(BIN)/headwater kernels
	touch $@

# Modules become bytecode when they are first imported (--no-compile): most of those installed never are.
$(RUNTIME): requirements-runtime.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) --no-deps --require-hashes -r requirements-runtime.lock
	$(PIP) --no-deps --editable .
	touch $@

$(INSTALLED): $(RUNTIME) requirements.lock
	$(PIP) --require-hashes -r requirements.lock
	touch $@
