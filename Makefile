# make demo      set up, then hear a personalised enhancer work (about 10 minutes on 2 cores)
# make test      set up, lint, fast tests (under 10 minutes)
# make test-all  the same with the long tests (under 40 minutes)
# make docs      the pages of docs/, in docs/_build; a warning is an error
PYTHON ?= python3
TORCH ?=
BIN := .venv/bin

.PHONY: setup demo test test-all lint docs

setup:
	@TORCH=$(TORCH) $(PYTHON) .ci/setup.py

demo: setup
	$(BIN)/pse demo

test: lint
	$(BIN)/python -m pytest -n 2

test-all: lint
	$(BIN)/python -m pytest -n 2 -m "slow or not slow"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build
