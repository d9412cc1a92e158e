# Each target sets up all it needs: a virtual environment with the locked packages; `demo` and `test` also a broker.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint bench clean lock

demo: $(INSTALLED)  ## replay MovieLens through a real Kafka and a real worker, and watch
	$(BIN)/headwater demo

test: $(INSTALLED)  ## all tests; those marked kafka start a real broker
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## speed through a real Kafka on this machine
	$(BIN)/headwater bench

lock:  ## refresh requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
	  --extra dev --extra demo --python-version 3.11 pyproject.toml -o requirements.lock --upgrade

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@
