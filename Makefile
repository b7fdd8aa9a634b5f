# Secdesk. `make run` and `make test` set themselves up; nothing needs root, Docker or a server.
PYTHON ?= python3.11 python3.12 python3.13 python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8765
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test check e2e e2e-browser e2e-servers screenshots bench soak soak-load soak-fuzz teams-package sbom lock format clean help
.DEFAULT_GOAL := help

help:  ## what there is to make
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.python:
	@for python in $(PYTHON); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  $$python -m venv $(VENV) && touch $@ && exit 0; \
	  echo "$$python cannot make an environment: its venv module is missing (on Debian: the package python3-venv)"; \
	done; \
	echo "Secdesk needs Python 3.11 or newer with its venv module; tried: $(PYTHON). Elsewhere: make run PYTHON=/its/path"; exit 1

$(VENV)/.run: $(VENV)/.python requirements.txt pyproject.toml
	@echo "Setting up, once: this takes a few minutes ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q bot adapters || true
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "Setting up the tests, once ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

run: $(VENV)/.run  ## start Secdesk with a sample organisation, a web chat and the console
	@SECDESK_DATA=$${SECDESK_DATA:-.secdesk} SECDESK_PORT=$${SECDESK_PORT:-$(PORT)} exec $(BIN)/secdesk serve

test: $(VENV)/.dev  ## run the tests
	@$(BIN)/python -m pytest

check: $(VENV)/.dev  ## style, types, layers, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/bandit -q -c pyproject.toml -r bot adapters manifest
	$(BIN)/secdesk lint

e2e: $(VENV)/.dev  ## the running bot: web chat and console in a real browser, Teams' playground, somebody else's Slack, IMAP and ticket servers, three replicas
	$(call steady,-m pytest tests -m slow -n 2,--last-failed)
	@$(MAKE) --no-print-directory -j 2 --output-sync=line e2e-browser e2e-servers

# Real browsers and servers on a busy machine: what fails once runs once more, and says so; what fails twice has failed.
steady = $(BIN)/python $(1) || { echo "--- UNSTEADY: $(1) failed and runs once more; find out why"; $(BIN)/python $(1) $(2); }

# Two lanes: each waits for browsers and servers more than it works.
e2e-browser:
	$(call steady,-m pytest tests/e2e -n 0 -s)
	$(call steady,-m tests.e2e.run)
	$(call steady,-m tests.e2e.api.run)
	$(call steady,-m tests.e2e.oidc.run)

e2e-servers:
	$(call steady,-m tests.e2e.teams.run)
	$(call steady,-m tests.e2e.slack.run)
	$(call steady,-m tests.e2e.tracker.run)
	$(call steady,-m tests.e2e.mailbox.run)
	$(call steady,-m tests.e2e.replicas.run)

screenshots: $(VENV)/.dev  ## the README's pictures, taken anew
	$(BIN)/python -m tests.e2e.run --screenshots manifest/pictures

bench: $(VENV)/.dev  ## measurements, never in CI
	$(BIN)/python -m tests.bench

soak: soak-load soak-fuzz  ## what takes hours, not in CI: both below

soak-load: $(VENV)/.dev  ## memory under load (SOAK_MINUTES=30), and how costs grow to 100,000 people
	$(BIN)/python -m tests.soak

soak-fuzz: $(VENV)/.dev  ## fuzz every parser and endpoint, ten minutes each, two at once (EACH=seconds ONLY=names)
	-@$(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz --seconds $(or $(EACH),600) $(if $(ONLY),--only $(ONLY))

teams-package: $(VENV)/.dev  ## the app package for Microsoft Teams, from your settings, checked (dist/secdesk-teams.zip)
	@$(BIN)/python manifest/teams/package.py $(if $(SCHEMA),--schema $(SCHEMA))

sbom: $(VENV)/.dev  ## the bill of materials, from the lock file (dist/secdesk.cdx.json, CycloneDX)
	@$(BIN)/python manifest/supply.py sbom

lock:  ## write the lock files anew (needs uv in the environment)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --no-strip-extras --all-extras pyproject.toml --group build -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --no-strip-extras --all-extras -c requirements.txt pyproject.toml --group dev -o requirements-dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --group fuzz -o tests/fuzz/requirements.txt

format: $(VENV)/.dev  ## tidy the code
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

clean:  ## remove the environment and the local data
	rm -rf $(VENV) .secdesk
