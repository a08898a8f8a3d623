# Two commands do everything: `make demo` runs the main job, `make test` runs every check.
# Both create .venv and install what they need themselves, without root.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test bench bench-exi bench-market check-schema fuzz lint format lock clean help

help:
	@echo "make demo    a car installs its contract live at a charger, and charges"
	@echo "make test    lint, types, import rules and all tests"
	@echo "make bench   figures: session, codec, memory"
	@echo "make bench-market  a market of 100,000 cars against its targets: seeded at the first run, which takes minutes"
	@echo "make bench-exi     both EXI engines beside whatever other codecs the machine has"
	@echo "make check-schema  message classes against official XSD files: XSD=folder"
	@echo "make fuzz    coverage-guided fuzzing: TIME=60 seconds a target, TARGET=name for one"
	@echo "make clean   remove what the other targets made"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "PnC Lab needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "creating .venv"
	@$(PYTHON) -m venv .venv

.venv/run.stamp: requirements/run.lock pyproject.toml setup.py $(wildcard exi/native/src/*.rs exi/native/Cargo.*) | .venv/bin/python
	@echo "installing PnC Lab into .venv"
	@$(PIP) --require-hashes -r requirements/run.lock
	@$(PIP) --no-deps -e .
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/run.stamp
	@echo "installing the test tools into .venv"
	@$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@

demo: .venv/run.stamp
	@$(BIN)/pnclab demo

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1; then \
	  cd exi/native && cargo fmt --check && PYO3_PYTHON="$(CURDIR)/$(BIN)/python" cargo clippy --quiet --locked -- -D warnings; \
	else echo "exi/native is not checked: cargo has no clippy and rustfmt here"; fi

test: lint
	$(BIN)/pytest -n auto

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks

bench-exi: .venv/dev.stamp
	$(BIN)/python -m benchmarks.exi_peers

VEHICLES ?= 100000

bench-market: .venv/dev.stamp
	$(BIN)/python -m benchmarks.market --vehicles $(VEHICLES)

check-schema: .venv/run.stamp
	@$(BIN)/exi check-schema $(or $(XSD),$(error say where the XSD files are: make check-schema XSD=folder))

TIME ?= 60

# atheris is for fuzzing only, and has wheels for few platforms: it is in no lock, and may be missing.
.venv/fuzz.stamp: pyproject.toml .venv/dev.stamp
	@$(PIP) --only-binary :all: "$$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["fuzz"])')" || echo "atheris has no wheel for this platform: fuzzing without code coverage"
	@touch $@

fuzz: .venv/fuzz.stamp
	@$(BIN)/python -m tests.fuzz --time $(TIME) $(if $(TARGET),--target $(TARGET))

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Written by pip-tools from the lower bounds in pyproject.toml.
lock: .venv/dev.stamp
	$(BIN)/pip-compile -q --upgrade --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe -o requirements/run.lock pyproject.toml
	$(BIN)/pip-compile -q --upgrade --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --extra dev -o requirements/dev.lock pyproject.toml

clean:
	rm -rf .venv runs build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
