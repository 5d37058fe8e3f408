# Everything a person needs: make demo, make test, make check, make reproduce.
# In an environment of your own, which has the package and its [dev] extra: make test VENV=/path/to/it INSTALLED=
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test check reproduce format

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(INSTALLED)

demo: $(INSTALLED)  ## compare models on a memory task and on real text; ends with the reports' paths
	$(BIN)/python examples/demo.py

check: $(INSTALLED)  ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check  ## everything that must hold
	$(BIN)/pytest -n 2 --dist worksteal

reproduce: $(INSTALLED)  ## slow reproductions of published figures; writes docs/reproduced.md
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[reproduce]'
	$(BIN)/python benchmarks/reproduce.py

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
