# Needs git, make and Python 3.11 or newer; `make` alone says what each target does.
# Which package index pip asks is a matter of your pip configuration, never of this file.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first of these that is new enough is used; `make PYTHON=/path/to/python3 ...` names another.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.11 python3 python3.12 python3.13)
UV ?= uv

BIN := .venv/bin
RUN := .venv/.run-stamp
TEST := .venv/.test-stamp
MUTATION := .venv/.mutation-stamp
TRYTON := .venv-tryton/.stamp
BENCH := .venv-bench/.stamp

PIP := -m pip --disable-pip-version-check install --quiet --quiet
PINNED := $(PIP) --require-hashes --requirement

# tieout and the ERP are installed side by side: two environments, two jobs.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
MAKEFLAGS += --jobs=2
endif

.PHONY: help demo test check format mutate bench soak lock clean debian

help: ## say what each target does (this page)
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):[^#]*## (.*)/\1|\2/' \
	| while IFS='|' read -r target text; do printf '  make %-8s %s\n' "$$target" "$$text"; done

demo: $(RUN) $(TRYTON) ## set up, then play a company month against a real ERP
	@$(BIN)/tieout run

test: $(TEST) $(TRYTON) $(if $(filter true,$(CI)),debian) ## set up, then run every test; PYTEST_ARGS='-k name' narrows
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(PYTEST_ARGS)

check: $(TEST) ## format, lint, types, imports, and the tests that read our source; under a minute
	@echo "ruff format" && $(BIN)/ruff format --check --quiet .
	@echo "ruff check" && $(BIN)/ruff check --quiet .
	@echo "mypy" && $(BIN)/mypy
	@echo "import-linter" && $(BIN)/lint-imports
	@echo "pytest" && $(BIN)/python -m pytest -q $(wildcard tests/docs tests/house)

format: $(TEST) ## let ruff lay out the source and mend what it safely can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

mutate: $(MUTATION) ## break the rules in matching/ and policy/ in every place, and see that the tests notice
	@rm -rf mutants
	@$(BIN)/python -m mutmut run >mutation.log 2>&1 || { tail -n 20 mutation.log; exit 1; }
	@$(BIN)/python -m tests.mutation

bench: $(TEST) $(BENCH) ## measure the pipeline beside DBOS, the readers of formats, matching, and the search for duplicates
	@BENCH_VENV="$(CURDIR)/.venv-bench" $(BIN)/tieout bench pipeline
	@BENCH_VENV="$(CURDIR)/.venv-bench" $(BIN)/tieout bench formats
	@$(BIN)/tieout bench match
	@$(BIN)/tieout bench duplicates

SOAK_MINUTES ?= 20
TIEOUT_SAMPLES ?= ../shared/samples
soak: $(RUN) ## read broken documents for 20 minutes, then let the simulator play 100,000 companies
	@$(BIN)/tieout fuzz tests/formats/data $(wildcard $(TIEOUT_SAMPLES)) --minutes $(SOAK_MINUTES)
	@$(BIN)/tieout sim --seeds 100000

# The files hold names, versions and hashes; no index and no host, so that any mirror serves them.
# Later lines are bound to what the first one chose. `make lock LOCK_ARGS=--upgrade` moves versions.
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

lock: ## write requirements/*.txt anew from pyproject.toml (needs uv)
	@command -v "$(UV)" >/dev/null || { echo 'make lock needs uv: "python3 -m pip install uv", or "make lock UV=/path/to/uv".' >&2; exit 1; }
	@$(LOCK) pyproject.toml --all-extras --group build -o requirements/run.txt
	@$(LOCK) pyproject.toml --all-extras --group build --group test -c requirements/run.txt -o requirements/test.txt
	@$(LOCK) pyproject.toml --all-extras --group build --group test --group mutation -c requirements/test.txt -o requirements/mutation.txt
	@$(LOCK) --group tryton -o requirements/tryton.txt
	@$(LOCK) --group bench -o requirements/bench.txt

clean: ## remove environments, caches, and what runs left behind
	rm -rf .venv .venv-tryton .venv-bench build dist var mutants
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src lab tests -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call venv,DIRECTORY): a virtual environment there, or a plain word about what is missing.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
venv = $(1)/bin/python $(NEW_ENOUGH) 2>/dev/null || { \
	for python in $(PYTHONS); do "$$python" $(NEW_ENOUGH) 2>/dev/null && break; python=; done; \
	[ -n "$$python" ] || { \
		echo "tieout needs Python 3.11 or newer; none of these is: $(PYTHONS)." >&2; \
		echo "Install one (Debian: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3 ..." >&2; \
		exit 1; }; \
	"$$python" -m venv --clear $(1) || { \
		echo "$$python cannot make a virtual environment. On Debian: apt-get install python3-venv." >&2; \
		exit 1; }; }

$(RUN): requirements/run.txt pyproject.toml
	@echo "Setting up .venv: tieout and what it runs on ..."
	@$(call venv,.venv)
	@$(BIN)/python $(PINNED) requirements/run.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST): requirements/test.txt $(RUN)
	@echo "Setting up .venv: test tools ..."
	@$(BIN)/python $(PINNED) requirements/test.txt
	@touch $@

$(MUTATION): requirements/mutation.txt $(TEST)
	@echo "Setting up .venv: the tool that breaks code ..."
	@$(BIN)/python $(PINNED) requirements/mutation.txt
	@touch $@

$(TRYTON): requirements/tryton.txt
	@echo "Setting up .venv-tryton: the ERP ..."
	@$(call venv,.venv-tryton)
	@.venv-tryton/bin/python $(PINNED) requirements/tryton.txt
	@touch $@

$(BENCH): requirements/bench.txt
	@echo "Setting up .venv-bench: the peers to measure against ..."
	@$(call venv,.venv-bench)
	@.venv-bench/bin/python $(PINNED) requirements/bench.txt
	@touch $@

# Browser tests drive Debian's Chromium, tests of mailboxes a Dovecot. Where one is missing and cannot be had they skip, and
# say so.
debian:
	@missing=; \
	command -v chromium >/dev/null || missing=chromium; \
	PATH="$$PATH:/usr/sbin" command -v dovecot >/dev/null || missing="$$missing dovecot-imapd"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "Not here, and no right to install it: $$missing. Tests that need it will skip."; \
	else \
		echo "Installing $$missing ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi
