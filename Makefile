# `make` alone lists what there is.
SHELL := /bin/bash
UV := $(shell command -v uv || echo .venv/bin/uv)

.DEFAULT_GOAL := help
.PHONY: help setup lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv, the scorer and the registry's tools in .local, a JRE where there is none
	@scripts/setup.sh

lock: setup ## compile requirements.in and requirements-dev.in into pinned files, newest versions that fit
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements.in -o requirements.txt
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt
