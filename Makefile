# Fulcrum in one command each. `make` lists them.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The system's certificates, as pip uses them: a company's own authority is known there.
UV := UV_SYSTEM_CERTS=1 VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip

# Where this is set, each process compiles all of Prefect anew, which is half of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test check lock bench clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## Make .venv from the lock (PYTHON=python3.12 chooses the interpreter; 3.11 or later)

# uv, at the version that the lock names, installs in seconds what takes pip minutes; where uv fails, pip does it. Both
# take the package index from the user's own settings and check every file against the lock's hashes.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Fulcrum needs Python 3.11 or later, found " + sys.version.split()[0] + ": make setup PYTHON=python3.12")'
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; }
	@echo "Installing what requirements.txt locks, about 900 MB"
	@awk '/^uv==/ { on = 1; print; next } /^[^ ]/ { on = 0 } on' requirements.txt > .venv/uv.txt
	@{ $(PIP) --require-hashes -r .venv/uv.txt && \
	   $(UV) sync --quiet --require-hashes requirements.txt && \
	   $(UV) install --quiet --no-deps --no-build-isolation --editable . ; } || \
	 { echo "uv could not; pip does it, which takes longer" && \
	   $(PIP) --require-hashes -r requirements.txt && \
	   $(PIP) --no-deps --no-build-isolation --editable . ; }
	@touch $@

demo: setup  ## Run the sample processes over their samples, on a worker, and show what came of them
	@$(BIN)/fulcrum demo

up: setup  ## Keep server and workers running, with the review queue at http://127.0.0.1:4200
	@$(BIN)/fulcrum up

# Two at a time, a file's tests together: each of the two has a Prefect server of its own.
test: setup  ## Run every test
	@$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 20

check: setup  ## Lint, formatting, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: setup  ## Lock the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --upgrade --universal --generate-hashes --no-emit-index-url \
	  --extra postgres --extra production --extra telemetry --group dev --python-version 3.11 -o requirements.txt

bench: setup  ## Run the short benchmarks, one JSON line each, in about a quarter of an hour
	@for benchmark in documents messages startup "throughput --turns 1" "crash --kills 5" "volume --cases 20000" "drift --quick"; do \
	  set -- $$benchmark; script=$$1; shift; $(BIN)/python benchmarks/$$script.py "$$@" || exit 1; done

clean:  ## Remove .venv and caches; .fulcrum, which holds your cases, stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
