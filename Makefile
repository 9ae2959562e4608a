# Everything a newcomer or CI runs. PYTHON may be any Python 3.11 to 3.13: make setup PYTHON=python3.13
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SCENARIO ?= scenarios/huabei.toml

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint tables levels assumptions notebook bench bench-full wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## .venv with the simulator and everything it needs (instant when it is up to date)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev,cluster]' -c constraints.txt
	@touch $@
	$(BIN)/simulator run $(SCENARIO) --borrowers 8 --months 1 --replications 1 --quiet --out .venv/warm --overwrite  # compiles

demo: setup ## compare the policies of one scenario under doubt and write a report to out/demo (some minutes)
	$(BIN)/simulator compare $(SCENARIO) --borrowers 5000 --doubt 50 --out out/demo --overwrite

lint: setup ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## lint, then every test (in the order of their files, the longest first)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

tables: setup ## write the tables of docs/policies.md anew from the files of the policies
	$(BIN)/python -m simulator.policy.page

levels: setup ## fit the shipped scenarios to the published levels again (minutes), print target and simulated
	$(BIN)/python -m simulator.estimation.levels

notebook: setup ## run docs/notebook.ipynb and keep what its cells show
	$(BIN)/jupyter execute --inplace docs/notebook.ipynb

assumptions: setup ## write what moves the demo most to docs/assumptions.md anew (some minutes)
	$(BIN)/python -m simulator.decision.one_at_a_time $(SCENARIO) --borrowers 2000 --replications 8 --page docs/assumptions.md

bench: setup ## time the kernel, its peers and whole commands (a minute)
	$(BIN)/python -m benchmarks

bench-full: setup ## the same with large books and commands of minutes (some minutes)
	$(BIN)/python -m benchmarks --full

wheel: setup ## a wheel with the kernel compiled for common processors, built, installed afresh and asked (minutes)
	$(BIN)/python -m benchmarks.wheel

clean: ## remove .venv, out and caches
	rm -rf .venv out build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find simulator tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
