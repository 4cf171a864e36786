# On a fresh machine, start with `make demo` or `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Modules are compiled once, not by each of the processes that run the tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser services test-services test-floors test-newest tour examples example-home-assistant docs docs-serve check check-sandbox soak picture diagram generate update bench bench-quick clean check-api wheel

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# One environment for all targets, updated when pyproject.toml changes.
$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is required; choose one with PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli,sandbox]' --group dev
	touch $@

# The demo needs a small part of it, so that a newcomer does not wait for the tools of a maintainer.
$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli,sandbox]'
	touch $@

demo: $(VENV)/.demo  ## watch a fleet of 10,000 vehicles on the embedded sandbox (LIVE=1: on the real API, read-only; CONSOLE=1: keep it running)
	@$(BIN)/python -m ev_energy_async.demo $(if $(filter 1,$(LIVE)),--live) $(if $(filter 1,$(CONSOLE)),--console)

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest -q -n auto --ignore=tests/services

services:  ## install PostgreSQL, Redis and, if there is none, Chromium for `make test-services` (on Debian and Ubuntu, as root)
	@command -v apt-get >/dev/null || { echo 'install PostgreSQL, Redis and Chromium with the packages of your system' >&2; exit 2; }
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes postgresql redis-server \
		$$({ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || echo chromium)

test-services: $(READY)  ## run the tests with PostgreSQL, Redis and a browser, which they start (SERVICES=required: none may be skipped)
	SERVICES=$(SERVICES) $(BIN)/python -m pytest -q -n 2 tests/services

# What a program with the oldest allowed dependencies runs: all but the tools of a maintainer.
CORE := $(addprefix tests/,auth budget calls checkpoint client codec devices http secrets test_errors.py test_ids.py test_masking.py)

test-floors:  ## run the core's tests at the exact floors of pyproject.toml, in .venv-floors
	test -x .venv-floors/bin/python || $(PYTHON) -m venv .venv-floors
	.venv-floors/bin/python -c 'import tomllib; print(*(each.replace(">=", "==") for each in tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"] if ";" not in each), sep="\n")' > .venv-floors/floors.txt
	.venv-floors/bin/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	.venv-floors/bin/python -m pip install --quiet --disable-pip-version-check --constraint .venv-floors/floors.txt --editable '.[cli,sandbox]' --group test
	.venv-floors/bin/python -m pytest -q -n auto $(CORE)

# In asyncio's debug mode too, which finds calls from another thread and costs a third of the suite's time.
test-newest:  ## run the core's tests at the newest versions of all dependencies, in .venv-newest
	test -x .venv-newest/bin/python || $(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable '.[cli,sandbox]' --group test
	.venv-newest/bin/python -m pytest -q -n auto -o asyncio_debug=true $(CORE)

check: $(READY)  ## check format, lint, spelling, links, types, layers, generated code, examples, workflows and the document
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/documentation/test_pages.py
	$(BIN)/mypy
	$(BIN)/python -m tests.documentation.blocks build/documentation
	MYPYPATH=build/documentation $(BIN)/mypy build/documentation
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m generator --check
	$(BIN)/openapi-spec-validator openapi/ev-energy-v2.yaml
	$(BIN)/zizmor --quiet --offline .github

test-browser: $(READY)  ## run the tests of the sandbox's console in a Chromium that is installed (SERVICES=required: or fail)
	SERVICES=$(SERVICES) $(BIN)/python -m pytest -q tests/browser

check-api: $(READY)  ## compare the public Python API with that of the last release
	@$(BIN)/python -m release.api

wheel:  ## build the distributions in dist/, and run the README's program with the wheel in an empty environment
	test -x .venv-build/bin/python || $(PYTHON) -m venv .venv-build
	.venv-build/bin/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	.venv-build/bin/python -m pip install --quiet --disable-pip-version-check --group build
	rm -rf dist
	.venv-build/bin/python -m build --outdir dist . >/dev/null
	.venv-build/bin/twine check --strict dist/*
	.venv-build/bin/python -m release.wheel dist

tour: $(READY)  ## call every operation on a sandbox, and list what was verified
	@$(BIN)/python -m tests.tour

examples: $(READY)  ## check and test the programs in examples/
	$(BIN)/mypy examples tests/examples
	$(BIN)/pyright --pythonpath $(BIN)/python examples tests/examples
	$(BIN)/python -m pytest -q tests/examples
	@if [ -n "$(PYTHON313)" ]; then $(MAKE) --no-print-directory example-home-assistant; \
		else echo 'NOT RUN: examples/home_assistant, for which there is no Python 3.13 here (PYTHON313=path)'; fi

# Home Assistant pins what it needs, so it has an environment of its own; uv fills it in a fraction of pip's time.
# 0.13.316 is Home Assistant 2026.2, which asks for Python 3.13.2 and runs on any 3.13.
PYTHON313 ?= $(shell for each in python3.13 $$HOME/.pyenv/versions/3.13*/bin/python; do \
	$$each -c 'import sys; print(sys.executable)' 2>/dev/null && break; done)

.venv-ha/.ready: pyproject.toml
	test -x .venv-ha/bin/python || $(PYTHON313) -m venv .venv-ha
	.venv-ha/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-ha/bin/uv pip install --quiet --python .venv-ha/bin/python --python-version 3.13.2 \
		pytest-homeassistant-custom-component==0.13.316 --editable '.[sandbox]'
	touch $@

example-home-assistant: $(READY) .venv-ha/.ready
	cd examples/home_assistant/custom_components && \
		$(CURDIR)/$(BIN)/mypy --strict --python-version 3.13 --python-executable $(CURDIR)/.venv-ha/bin/python -p ev_energy
	$(BIN)/pyright -p examples/home_assistant --pythonpath .venv-ha/bin/python
	cd examples/home_assistant && $(CURDIR)/.venv-ha/bin/python -m pytest -q

# Zensical is 90 MB: an environment of its own, for those who build the site.
.venv-docs/.ready: pyproject.toml
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --group docs
	touch $@

docs: $(READY) .venv-docs/.ready  ## build the site of the documentation in site/
	$(BIN)/python -m docs.site
	.venv-docs/bin/zensical build --clean --strict
	$(BIN)/python -m generator.reference.inventory
	$(BIN)/python -m generator.reference.site

docs-serve: $(READY) .venv-docs/.ready  ## serve the site at http://localhost:8000 and rebuild it when a page changes
	$(BIN)/python -m docs.site
	.venv-docs/bin/zensical serve

check-sandbox: $(READY)  ## run schemathesis against a sandbox, about two minutes (ARGS=options for schemathesis)
	@$(BIN)/python -m tests.check_sandbox $(ARGS)

soak: $(READY)  ## kill and pause watches while the API fails, some minutes (ARGS=--cluster: several processes on databases; --help lists the options)
	@$(BIN)/python -m tests.soak $(ARGS)

picture: $(READY)  ## draw docs/fleet.png, a report on a fleet of the sandbox, in a Chromium that is installed
	$(BIN)/python -m tests.report.picture

diagram: $(READY)  ## draw docs/layers.svg from the import graph
	$(BIN)/python docs/layers.py

generate: $(READY)  ## generate models and endpoint functions (SPEC=path for another document)
	$(BIN)/python -m generator $(if $(SPEC),--spec '$(SPEC)')

update: $(READY)  ## adopt a new version of the document (SPEC=path-or-URL; NO_VENDOR=1, NO_TESTS=1, NOTE=text)
	@test -n "$(SPEC)" || { echo 'usage: make update SPEC=path-or-URL' >&2; exit 2; }
	@$(BIN)/python -m generator update '$(SPEC)' $(if $(NO_VENDOR),--no-vendor) $(if $(NO_TESTS),--no-tests) \
		$(if $(NOTE),--version-note '$(NOTE)')

bench:  ## measure against other clients and update the results, about ten minutes
	@$(PYTHON) -m benchmarks

bench-quick: $(READY)  ## measure against hand-written clients, one minute; fails if a figure is far off
	@$(BIN)/python -m benchmarks --quick

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .venv-build .venv-floors .venv-newest .venv-docs .venv-ha site benchmarks/.venvs .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
