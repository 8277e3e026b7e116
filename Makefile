# The README's two commands are `make up` and `make test`; the rest serves them.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup up down test lint types layers unit functional proto bench

setup: .venv/ready

proto:
	$(BIN)/python -m galaxy.protocol.generate

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy galaxy tests benchmarks twisted/plugins

layers:
	$(BIN)/lint-imports
