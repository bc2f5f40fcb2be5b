# The commands of the project; `make` alone lists them. Needs Python 3.11 to 3.13 and make; every
# target installs what else it needs, without root but for `up`, `e2e` and `images`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test lint verify prove images up down e2e bench setup

UV_VERSION := 0.13.9
export UV_COMPILE_BYTECODE := 1
export UV_SYSTEM_CERTS := 1
export UV_NO_PROGRESS := 1

PYTHON ?= python3
uv := .tools/uv/bin/uv
uv_run := $(uv) run --frozen

help: ## list the targets
	@echo "make <target>:"
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/uv/$(UV_VERSION):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	  || { echo "make: Python 3.11, 3.12 or 3.13 is needed, found: $$($(PYTHON) --version 2>&1); set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "make: $(PYTHON) lacks venv and pip; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@rm -rf .tools/uv && $(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) \
	  || { echo "make: uv $(UV_VERSION) could not be installed from the package index (above: why)" >&2; exit 1; }
	@touch $@

setup: .tools/uv/$(UV_VERSION)
	@$(uv) sync --frozen --quiet --python $(PYTHON) \
	  || { echo "make: the locked dependencies could not be installed (above: why)" >&2; exit 1; }

run: setup ## train, serve and paper-trade here until Ctrl-C (BARS=file.csv.gz, EXCHANGE=binance)
	@$(uv_run) tradinglab-operator run --manifest manifests/demo.yaml --data .tradinglab/run \
	  $(if $(BARS),--bars $(BARS)) $(if $(EXCHANGE),--exchange $(EXCHANGE))

demo: setup ## the same, bounded, with a summary (BARS=file.csv.gz)
	@$(uv_run) tradinglab-operator demo --manifest manifests/demo.yaml $(if $(BARS),--bars $(BARS))

test: setup ## the tests that need no cluster
	@$(uv_run) pytest

lint: setup ## style, types, layers, generated files, shell scripts, chart
	@$(uv_run) ruff check
	@$(uv_run) ruff format --check
	@$(uv_run) mypy operator/src images/*/src charts
	@$(uv_run) lint-imports
	@$(uv_run) tradinglab-operator crd --check
	@$(uv_run) python charts/values_schema.py --check
	@for script in .ci/run images/base images/build images/load $$(grep -rlI '^#!/bin/bash' tests/cluster); do bash -n $$script || exit 1; done
	@if helm=$$(tests/cluster/helm 2>/dev/null); then $$helm lint --quiet --strict charts/tradinglab --set exchange.enabled=true; \
	  else echo "lint: no helm here, the chart was not checked"; fi

verify: test lint e2e ## all that CI runs

prove: setup ## the proofs that take long (as root also those on a cluster of their own)
	@$(uv_run) pytest -m prove
	@[ "$$(id -u)" != 0 ] || for proof in chart_lifecycle chart_rights rollout_under_load; do \
	  $(uv_run) pytest -m cluster -s tests/cluster/test_$$proof.py || exit 1; done

images: ## build the five images with docker or buildah
	@images/build

up: ## install on the current kube context, else k3s, else a cluster of its own (Linux, root)
	@tests/cluster/deploy

down: ## remove all that `make up` made
	@tests/cluster/undeploy

e2e: setup ## the whole loop on a real cluster, from nothing (Linux, root)
	@$(uv_run) pytest -m cluster -x -s tests/cluster/test_seeded_market.py tests/cluster/test_recorded_bars.py

bench: setup ## measure
	@$(uv_run) python -m tests.bench
