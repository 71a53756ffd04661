# Needs Python 3.11 or later, make, and the package registry; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
NODE := $(BIN)/python -m hummdesk.dev.nodejs
PAGES := hummdesk/web/built
SOURCES := $(shell find web \( -name node_modules -o -name dist -o -name '*.tsbuildinfo' \) -prune -o -type f -print)

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1 \t/p' Makefile | expand -t 20

run: $(READY) web ## the whole desk, with demo data, until Ctrl-C (ARGS="--port 5001 --home DIR")
	@exec $(BIN)/python -m hummdesk up $(ARGS)

test: $(READY) web haproxy chromium prometheus ## every test (ARGS="tests/system/dev -k token -n 0" for some)
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 10 $(ARGS)

coverage: ## every test, and which lines they reach in all processes, which takes twice the processor's time
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report=term $(ARGS)"

haproxy: # for the test of deploy/haproxy.cfg, which says so if it is skipped
	@command -v haproxy >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null \
		|| { apt-get -qq update; apt-get -qq install -y haproxy; } >/dev/null 2>&1 || true

chromium: # for the tests of the pages in a browser, which say so if they are skipped, and fail in CI
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null \
		|| { apt-get -qq update; apt-get -qq install -y chromium; } >/dev/null 2>&1 || true

prometheus: # its promtool, for the tests of deploy/prometheus/, which say so if they are skipped
	@command -v promtool >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null \
		|| { apt-get -qq update; apt-get -qq install -y --no-install-recommends prometheus; } >/dev/null 2>&1 || true

chaos: $(READY) ## every fault of the catalogue, at its full size, in 20 minutes (ARGS="-k redis" for some)
	@CHAOS=full $(BIN)/python -m pytest tests/system/chaos $(ARGS)

web: $(READY) $(PAGES) ## the pages, built from web/ into hummdesk/web/

check: $(READY) ## ruff, mypy, import-linter; TypeScript and Biome
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(NODE) web check

bench: $(READY) ## what it costs, beside Node.js, Bun, nats, nginx and C (ARGS="P1 P2 --peers node")
	@exec $(BIN)/python -m bench $(ARGS)

eval: $(READY) ## how good the embedded AI is, on held-back examples and on open data beside the clone
	@exec $(BIN)/python -m tests.ai.evaluate

fit: $(READY) ## fit the embedded AI to training/examples again
	@$(BIN)/python -m training.fitting

lock: $(READY) ## compile the requirements from pyproject.toml (ARGS=--upgrade for newer ones)
	@$(LOCK) --output-file requirements.txt --extra all $(ARGS)
	@$(LOCK) --output-file requirements-run.txt --extra up --constraint requirements.txt $(ARGS)
	@$(LOCK) --output-file requirements-dev.txt --extra dev --constraint requirements-run.txt $(ARGS)

clean: ## remove .venv, the built pages and caches; the data of `make run` in .hummdesk stays
	@rm -rf $(VENV) .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		hummdesk/web web/client/dist web/node_modules web/tsconfig.tsbuildinfo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-config --no-emit-index-url --custom-compile-command "make lock"

$(PAGES): $(SOURCES) | $(READY)
	@echo "Building the pages ..."
	@$(NODE) web build
	@touch $(PAGES)

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "HummDesk needs Python 3.11 or later; name one: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $(READY)

.PHONY: help run test coverage chromium web chaos haproxy prometheus check bench eval fit lock clean
.DEFAULT_GOAL := help
