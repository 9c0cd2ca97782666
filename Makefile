# Each target sets up what it needs: a virtual environment in .venv, by one pip install.
#   make demo   render a talking head, measure, correct, align, annotate      make test   all tests
#   make lint   ruff        make types   mypy        make benchmark   speed of the hot functions
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint types benchmark clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/python demo/demo.py

# Tests on real media read AVSYNC_DATA (a folder) from the environment, and are skipped with a reason without it.
test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

benchmark: $(READY)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable -s

clean:
	rm -rf $(VENV) demo/out .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else \
	  "avsync needs Python 3.11, 3.12 or 3.13; \"$(PYTHON)\" is %d.%d. Choose one: make PYTHON=python3.12" % v)'
	@$(PYTHON) -m venv $(VENV) || { echo 'python3 cannot make virtual environments; on Debian: apt install python3-venv'; exit 1; }
	$(BIN)/python -m pip install --quiet -c .ci/constraints.txt -e '.[dev]'
	@touch $@
