# Every target sets up what it needs by itself; `make` alone lists them. PYTHON=/path/to/python3.12 chooses the Python.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run up test test-slow test-operation check bench screenshots lock migration clean

SETUP := sh requirements/setup.sh
BIN := .venv/bin
JOBS ?= 3  # on two cores: one of them always waits, for a database or a browser
UV_COMPILE = $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet --python-version 3.11 pyproject.toml
EXTRAS := dev spark causal bench

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install the locked packages into .venv (WITH="spark bench" adds extras)
	@$(SETUP) core $(WITH)

setup-dev:
	@$(SETUP) dev $(WITH)

run: setup  ## play the made company: customers flagged, told and measured (ARGS="--customers 2000" for a small one)
	@$(BIN)/beforehand demo $(ARGS)

up: setup  ## run the scheduler and everything it needs, until Ctrl-C
	@$(BIN)/beforehand up

test: check  ## check the code, then run the tests (under ten minutes)
	$(BIN)/pytest -m "not slow and not operation" -n $(JOBS) --dist loadscope $(ARGS)

test-slow: setup-dev  ## play, kill, schedule and clone for real: the tests that take minutes
	$(BIN)/pytest -m slow --timeout 1800 $(ARGS) || [ $$? -eq 5 ]

test-operation: setup-dev  ## kill whole runs and start from a fresh clone (a quarter of an hour and more each)
	$(BIN)/pytest -m operation --timeout 3600 $(ARGS)

check: setup-dev  ## ruff, import-linter, mypy
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

bench: WITH := bench
bench: setup  ## measure speed on this machine
	@$(BIN)/python -m bench $(ARGS)

screenshots: setup-dev  ## photograph letters, customers' pages and the console into var/screenshots (wants Chromium)
	@$(BIN)/python -m bench.screenshots

lock: setup  ## resolve the dependencies again and write requirements/*.lock
	echo uv | $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet --python-version 3.11 - -o requirements/bootstrap.lock --upgrade
	$(UV_COMPILE) -o requirements/core.lock $(ARGS)
	for extra in $(EXTRAS); do $(UV_COMPILE) --extra $$extra -c requirements/core.lock -o requirements/$$extra.lock $(ARGS) || exit 1; done
	for peers in requirements/peers-*.in; do $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet --python-version 3.11 $$peers -o $${peers%.in}.lock $(ARGS) || exit 1; done

migration: setup  ## write the next migration of the ledger (M="Add the notes")
	@test -n "$(M)" || { echo 'Say what it does: make migration M="Add the notes"'; exit 2; }
	@$(BIN)/python -m ledger.migrations "$(M)"

clean:  ## remove .venv and caches; what was produced (var/) and configured (config/) stays
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
