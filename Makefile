# Every target makes its own virtual environment from the lock; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.NOTPARALLEL:

# pip, Go and the laboratory's cache want a home folder; where HOME is empty it is the user's own, else a temporary one.
ifeq ($(strip $(HOME)),)
HOME := $(or $(shell getent passwd $$(id -u) | cut -d: -f6),/tmp/fedsched-home-$(shell id -u))
endif
export HOME

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt
KEY := $(shell { cat $(LOCK); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-16)
MADE := $(VENV)/made-from-$(KEY)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv laboratory test mutants reasons faults check demo bench

help: ## this list
	@echo "fedsched: a federated matchmaker between HTCondor pools and Kubernetes clusters"
	echo
	sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	echo
	echo "  PYTHON=python3.12 make …       another Python (3.11 to 3.14); it counts when .venv is made"
	echo "  make test PYTEST='-k word'     options, paths and test ids of pytest; AGAIN=10: up to ten failed tests run once more"
	echo "  FEDSCHED_LABORATORY=required   a test that is left out has failed (as in CI); off: real parts are left out"

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 15) else "fedsched needs Python 3.11 to 3.14, this is " + sys.version.split()[0])'
	echo "making $(VENV) from $(LOCK) …"
	want=$$($(PYTHON) -c 'import sys; print(*sys.version_info[:2], sep=".")')
	have=$$($(BIN)/python -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null || true)
	[ "$$want" = "$$have" ] || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	rm -f $(VENV)/made-from-*
	touch $@

venv: $(MADE) ## .venv from the hashed lock; made again when the lock or the Python changes

laboratory: $(MADE) ## build the real parts (Kubernetes, KWOK, HTCondor, images): about 8 min cold, then cached outside the tree
	@$(BIN)/python -m tests.laboratory build

test: $(MADE) ## all tests that this machine can run, in stages; the last lines: times, what was left out and why
	@$(BIN)/python -m tests.stages $(if $(AGAIN),--again $(AGAIN)) $(PYTEST)

mutants: $(MADE) ## seeded faults in the matchmaker, every one of which its tests must find
	@$(BIN)/python -m tests.mutants

faults: $(MADE) ## 1,000 random storms and 1,000 of partitions over small simulated federations: all that must hold, holds; about 7 min on two cores
	@$(BIN)/python -m tests.faults --jobs 2 $(FAULTS)

reasons: $(MADE) ## 10,000 random states: every named reason is lifted, every counterfactual made; REASONS="--seed N" repeats one
	@$(BIN)/python -m tests.reasons --jobs 2 $(REASONS)

check: $(MADE) ## layers (import-linter), lint and format (ruff), types (mypy)
	@$(BIN)/lint-imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

demo: $(MADE) ## a short simulated federation
	@$(BIN)/fedsched demo

bench: $(MADE) ## the measured claims of docs/performance.md
	@$(BIN)/python -m tests.bench
