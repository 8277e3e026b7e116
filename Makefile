# The README's two commands are `make up` and `make test`; the rest serves them.
PYTHON ?= python3
BIN := .venv/bin
TRIAL := $(BIN)/python -m twisted.trial
# Each package of tests by name: what is not in this list or below is found missing by a test.
UNIT := $(filter-out tests.integration,$(subst /,.,$(patsubst %/__init__.py,%,$(wildcard tests/*/__init__.py))))
UNIT += $(subst /,.,$(patsubst %.py,%,$(wildcard tests/test_*.py)))

.PHONY: setup account up down test lint types layers unit functional test-v2 simulate soak proto bench

setup: .venv/ready account

# Whom root's agents run tasks as.
account:
	@[ "$$(id -u)" != 0 ] || id galaxy >/dev/null 2>&1 || \
	  useradd --system --no-create-home --user-group --shell /usr/sbin/nologin galaxy || \
	  echo "The account galaxy could not be made; agents that root runs need it (docs/running.md)." >&2

.venv/ready: requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Galaxy needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --only-binary plyvel $$(grep '^plyvel==' requirements.lock) \
	  || $(BIN)/python -m pip --quiet --disable-pip-version-check install $$(grep '^plyvel==' requirements.lock) \
	  || { echo "plyvel has no ready-made build for this Python: install libleveldb-dev and a C++ compiler, then again." >&2; exit 1; }
	$(BIN)/python -m pip --quiet --disable-pip-version-check install -r requirements.lock
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat -e .
	@touch $@

up: setup
	@$(BIN)/python -m galaxy.client.showcase

down:
	@$(BIN)/galaxy down

# Everything, in the order in which a mistake is cheapest to find.
test: setup lint types layers unit functional

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy galaxy tests benchmarks twisted/plugins

layers:
	$(BIN)/lint-imports

unit:
	$(TRIAL) --temp-directory=_trial_temp.unit $(UNIT)

functional:
	$(TRIAL) --temp-directory=_trial_temp.functional tests.integration

# gce's tests on a kernel with version 2 of the control groups: Debian's, in a virtual machine.
test-v2: setup
	@$(BIN)/python -m tests.vm

# More runs of the simulated cluster than `make test` has time for, in two processes.
SEEDS ?= 1000
FIRST ?= 1

simulate:
	@$(BIN)/python -m tests.simulation --first $(FIRST) --seeds $(SEEDS) --every 2 & other=$$!; \
	$(BIN)/python -m tests.simulation --first $$(($(FIRST) + 1)) --seeds $$(($(SEEDS) - 1)) --every 2; one=$$?; \
	wait $$other && exit $$one

# Random deaths of real agents, engines and cradles, until so many have died.
KILLS ?= 1000

soak: setup
	@$(BIN)/python -m tests.soak --kills $(KILLS)

# The messages and services, made anew from the .proto files.
proto:
	$(BIN)/python -m galaxy.protocol.generate

bench: setup
	@for name in $(basename $(notdir $(wildcard benchmarks/[a-z]*.py))); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done
