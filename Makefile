# Shuqiao 数桥. Every target works on a fresh clone with Python ≥ 3.11; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install run up down status test check coverage bench mutation lock clean
PY := .venv/bin/python
# The newest that the lock was tested with comes first.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1	\2/' | expand -t 18

install: ## set up .venv with the pinned packages (others do it by themselves)
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11 以上，未找到（Python >= 3.11 is needed and was not found）；make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@"$(PYTHON)" -m runtime.install

run: install ## start everything, sync the example city, show the result, stop everything
	@$(PY) -m runtime run

up: install ## the same and stay; Ctrl-C stops everything
	@$(PY) -m runtime up

down: install ## stop everything that runs for this clone
	@$(PY) -m runtime down

status: install ## say what runs
	@$(PY) -m runtime status

test: install ## run the tests but the exhaustive crash tests, which make check adds
	@$(PY) -m pytest -n 2 --dist loadgroup -m "not slow"

check: install ## all that CI runs: style, types, import rule, all tests
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) .venv/bin/lint-imports
	@# What fails beside other tests on a busy machine is tried once more alone, and must pass there.
	@$(PY) -m pytest -n 2 --dist loadgroup || \
		$(PY) -m pytest --last-failed --last-failed-no-failures none

coverage: install ## the same tests with branch coverage, at least 90 %; half as long again, so CI does without
	@rm -f .coverage .coverage.*
	@$(PY) -m pytest -n 2 --dist loadgroup --cov --cov-report=
	@$(PY) -m coverage report --skip-covered --show-missing --fail-under=90

bench: install ## measure against GX and dlt; results in benchmarks/results
	@$(PY) -m benchmarks

mutation: install ## break identifiers, gate compiler and publish in small ways; count what the tests notice (hours)
	@for group in identifiers plan publish; do $(PY) -m benchmarks.mutation $$group || exit 1; done

lock: install ## resolve pyproject.toml again and write requirements.txt
	@$(PY) -m uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate --no-emit-index-url --quiet -o requirements.txt

clean: down ## stop everything and delete .venv and var
	@rm -rf .venv var
