# Each target sets up all it needs: a virtual environment with the locked packages; `demo` and `test` also a broker.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
KERNELS := .venv/.kernels

.PHONY: demo test lint bench gate clean lock

demo: $(INSTALLED) $(KERNELS)  ## replay MovieLens through a real Kafka and a real worker, and watch
	$(BIN)/headwater demo

test: $(INSTALLED) $(KERNELS)  ## all tests; those marked kafka start a real broker
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(INSTALLED) $(KERNELS)  ## speed through a real Kafka on this machine
	$(BIN)/headwater bench

gate: $(INSTALLED) $(KERNELS)  ## is the engine slower than where this branch began? ratios, no times; BASE=commit
	$(BIN)/python benchmarks/gate.py $(BASE)

lock:  ## refresh requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
	  --extra dev --extra demo --python-version 3.11 pyproject.toml -o requirements.lock --upgrade
	uv pip compile --universal --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
	  -c requirements.lock --python-version 3.11 pyproject.toml -o requirements-runtime.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info

# numba caches compiled kernels beside their files, but does not notice a change in a kernel that they call.
$(KERNELS): $(INSTALLED) $(shell find bandits learners stream -name "*.py")
	find bandits learners stream -name '*.nb[ic]' -delete
	touch $@

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@
