# make demo      set up, then hear a personalised enhancer work (about 10 minutes on 2 cores)
# make test      set up, lint, fast tests (under 10 minutes)
# make test-all  the same with the long tests (under 40 minutes)
PYTHON ?= python3
TORCH ?=
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo test test-all lint

setup:
	@TORCH=$(TORCH) $(PYTHON) .ci/setup.py

demo: setup
	env -u OMP_NUM_THREADS $(BIN)/pse demo

test: lint
	$(BIN)/python -m pytest -n 2

test-all: lint
	$(BIN)/python -m pytest -n 2 -m "slow or not slow"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
