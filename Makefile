# Needs Python 3.11 or later, make, and the package registry; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DOCS := .venv-docs
SWIFT := .venv-swift
RUN := $(VENV)/ready-run
DEV := $(VENV)/ready-dev
NODE := $(BIN)/python -m hummdesk.dev.nodejs
PAGES := hummdesk/web/built
# Python compiles each module once, when it is first imported: a process would otherwise take seconds to start.
unexport PYTHONDONTWRITEBYTECODE
SOURCES := $(shell find web \( -name node_modules -o -name dist -o -name '*.tsbuildinfo' \) -prune -o -type f -print)
# Tests of the unit level need neither pages nor programs of the system.
LEVELS := $(filter tests/%,$(ARGS))
NEEDED := $(if $(LEVELS),$(if $(filter-out tests/unit%,$(LEVELS)),web programs),web programs)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' Makefile | expand -t 22

run: $(RUN) web ## run everything on this machine, with demo data, until Ctrl-C (ARGS="--port 5001 --home DIR")
	@exec $(BIN)/python -m hummdesk up $(ARGS)

dev: $(RUN) web ## the same, restarted whenever a source file changes
	@exec $(BIN)/python -m hummdesk up --reload $(ARGS)

test: $(DEV) $(NEEDED) ## run the tests (ARGS="tests/unit" for some; INSTALL=1 installs missing system packages)
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 10 $(ARGS)

test-systems: $(DEV) $(SWIFT)/ready web programs servers ## run the tests with other servers (haproxy, pgbouncer, RabbitMQ, Swift, PostgreSQL and Redis of the system), in Firefox, of upgrades, and the longest
	@$(BIN)/python -m pytest -m systems --durations 10 $(ARGS)

matrix: $(DEV) $(SWIFT)/ready web programs servers ## run them, and renew the table of engines in docs/matrix.md from their results
	@mkdir -p build
	@$(BIN)/python -m pytest -m systems --junitxml build/systems.xml --override-ini junit_family=xunit1 $(ARGS) || test $$? = 1
	@$(BIN)/python -m docs.matrix build/systems.xml
	@$(BIN)/python -m docs.generate

# Name of a program of the system, its package, the tests that are skipped without it, and a package that also has it.
define program
@command -v $(1) >/dev/null || if [ "$(INSTALL)" != 1 ]; \
	then $(if $(4),command -v $(4) >/dev/null ||) \
		echo "$(1) is not installed: $(3) are skipped (INSTALL=1 installs $(2) with apt-get)"; \
	else { apt-get -qq update && $(APT_INSTALL) $(2) $(if $(4),|| command -v $(4) || $(APT_INSTALL) $(4)); } >/dev/null 2>&1 \
		|| echo "$(1) could not be installed with apt-get: $(3) are skipped"; fi
endef

APT_INSTALL = apt-get -qq install -y --no-install-recommends

# Chromium without the parts that show a window takes a quarter less processor time.
programs:
	$(call program,chromium-headless-shell,chromium-headless-shell,the tests of the pages in a browser,chromium)
	$(call program,promtool,prometheus,the tests of deploy/prometheus)

servers:
	$(call program,haproxy,haproxy,the tests of deploy/haproxy.cfg)
	$(call program,redis-server,redis-server,the tests of the Redis of the system)
	$(call program,pg_lsclusters,postgresql,the tests of the PostgreSQL of the system)
	$(call program,pgbouncer,pgbouncer,the tests of a pooler in front of PostgreSQL)
	$(call program,rabbitmq-server,rabbitmq-server,the tests of RabbitMQ as Celery's broker)
	$(call program,ip,iproute2,the tests of several hosts)
	$(call program,firefox-esr,firefox-esr,the tests of the pages in Firefox)

screenshots: $(DEV) web programs ## take pictures of 20 states of the pages, in three sizes, light and dark, in build/screenshots
	@$(BIN)/python -m pytest -m systems tests/system/browser/test_pictures.py $(ARGS)

peers: $(DEV) node ## run the official test suites of Engine.IO and Socket.IO in SUITES, a folder of clones
	@test -n "$(SUITES)" || { echo "Name the folder, see docs/conformance.md: make peers SUITES=DIR" >&2; exit 2; }
	@$(BIN)/python -m tests.system.peers "$(SUITES)" $(ARGS)

coverage: ## run the tests and report the lines that they reach, which takes twice the CPU time
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report=term $(ARGS)"

chaos: $(DEV) ## run the fault tests at full size and random REST requests, about 35 minutes (ARGS="-k redis" for some)
	@CHAOS=full $(BIN)/python -m pytest -m "systems or not systems" tests/system/chaos tests/integration/api/test_document.py \
		tests/integration/storage/test_machine_replies.py $(ARGS)

web: $(RUN) $(PAGES) ## build the pages from web/ into hummdesk/web/

check: $(DEV) node ## run ruff, mypy and import-linter, TypeScript and Biome
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(NODE) web check

bench: $(DEV) node ## measure the server, beside Node.js, Bun, nats, nginx and C (ARGS="P1 P2 --peers node")
	@exec $(BIN)/python -m bench $(ARGS)

volume: $(DEV) ## measure 20 million messages in 10,000 accounts, on 20 GB of disk (ARGS="--messages 1000000 --accounts 500")
	@exec $(BIN)/python -m bench.volume $(ARGS)

eval: $(DEV) ## evaluate the embedded AI on letters, help centres and open data (ARGS=--final: on the part that nobody looks at)
	@exec $(BIN)/python -m training.evaluation $(ARGS)

fit: $(DEV) ## fit the embedded AI to training/examples
	@$(BIN)/python -m training.fitting

lock: $(DEV) ## compile the requirements from pyproject.toml (ARGS=--upgrade for newer ones)
	@$(LOCK) --output-file requirements.txt pyproject.toml --extra all $(ARGS)
	@$(LOCK) --output-file requirements-run.txt pyproject.toml --extra up --constraint requirements.txt $(ARGS)
	@$(LOCK) --output-file requirements-pages.txt --group pages $(ARGS)
	@$(LOCK) --output-file requirements-docs.txt --group docs $(ARGS)
	@$(LOCK) --output-file requirements-swift.txt --group swift $(ARGS)
	@$(LOCK) --output-file requirements-dev.txt pyproject.toml --extra up --group dev \
		--constraint requirements-run.txt $(ARGS)

docs: $(RUN) $(DOCS)/ready ## build the documentation into build/docs, with warnings as errors
	@$(BIN)/python -m docs.generate
	@$(DOCS)/bin/sphinx-build --fail-on-warning --keep-going --nitpicky --fresh-env --quiet -d build/doctrees docs build/docs
	@echo "The documentation is in build/docs/index.html"

wheel: $(DEV) web ## build dist/hummdesk-VERSION-py3-none-any.whl, with SQL and pages, and the wheel of clients/python
	@$(BIN)/python -m hatchling build -t wheel
	@cd clients/python && ../../$(BIN)/python -m hatchling build -t wheel -d ../../dist

clean: ## remove .venv, .venv-docs, .venv-swift, the built pages and caches; the data of `make run` in .hummdesk stays
	@rm -rf $(VENV) $(DOCS) $(SWIFT) build .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		hummdesk/web dist web/client/dist web/texts/dist web/node_modules web/tsconfig.tsbuildinfo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-config --no-emit-index-url --custom-compile-command "make lock"

$(PAGES): $(SOURCES) | $(RUN) node
	@echo "Building the pages ..."
	@$(NODE) web build
	@touch $(PAGES)

node: | $(RUN)
	@$(NODE) --check || { echo "Installing Node.js into $(VENV) ..."; $(PIP) -r requirements-pages.txt; }

# Not compiled: most modules of the packages are never imported; the others are compiled at their first import.
PIP = $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --require-hashes

$(RUN): requirements-run.txt | $(BIN)/pip
	@echo "Installing into $(VENV) ..."
	@$(PIP) -r requirements-run.txt
	@touch $(RUN)

$(DEV): requirements-dev.txt | $(BIN)/pip
	@echo "Installing into $(VENV), with the tools for development ..."
	@$(PIP) -r requirements-dev.txt
	@touch $(RUN) $(DEV)

$(DOCS)/ready: requirements-docs.txt | $(BIN)/pip
	@echo "Installing into $(DOCS) ..."
	@test -x $(DOCS)/bin/pip || $(BIN)/python -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.txt
	@touch $@

$(SWIFT)/ready: requirements-swift.txt | $(BIN)/pip
	@echo "Installing into $(SWIFT) ..."
	@test -x $(SWIFT)/bin/pip || $(BIN)/python -m venv $(SWIFT)
	@$(SWIFT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements-swift.txt
	@touch $@

# The last file of a virtual environment: without it, the environment is incomplete and is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "HummDesk needs Python 3.11 or later; name one: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "$(PYTHON) has no venv module: install it (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

.PHONY: help run dev docs test test-systems matrix screenshots peers programs servers node coverage web chaos check bench volume eval fit lock wheel clean
.DEFAULT_GOAL := help
