# Everything sets itself up: a virtual environment in .venv, stamped, so that a second run starts at once.
# PYTHON chooses another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD = 1

.PHONY: help lab demo test quick check bench bundle clean

help:
	@echo "make lab     the quick-start notebook in JupyterLab"
	@echo "make demo    the same job without a browser: a real local model, a stream, feedback, a DataFrame"
	@echo "make test    every test"
	@echo "make quick   in two minutes: without browsers, faults, notebooks, packaging and whatever waits"
	@echo "make check   format, lint, types"
	@echo "make bundle  the panels' JavaScript as one file (npm)"
	@echo "make bench   speed, beside the original where TENSORZERO_ORIGINAL_PYTHON names its interpreter"

lab: $(STAMPS)/dev $(STAMPS)/model
	$(BIN)/python -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.root_dir=. notebooks/quickstart.ipynb

demo: $(STAMPS)/run $(STAMPS)/model
	@$(BIN)/python tools/demo.py

test: $(STAMPS)/dev $(STAMPS)/model browser
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

quick: $(STAMPS)/dev $(STAMPS)/model
	@$(BIN)/python -m pytest -n 2 -m "not (browser or fault or slow)" $(PYTEST_ARGS)

check: $(STAMPS)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python tools/write_sync_client.py --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	@tools/setup.sh bundle check

bundle:
	@tools/setup.sh bundle bundle

bench: $(STAMPS)/dev
	$(BIN)/python -m tools.bench

clean:
	rm -rf $(VENV) build dist bench.json

$(STAMPS)/venv:
	@tools/setup.sh venv "$(PYTHON)" "$(VENV)"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml
	@tools/setup.sh packages "$(VENV)" notebook,local
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv pyproject.toml
	@tools/setup.sh packages "$(VENV)" all,dev
	@touch $@ $(STAMPS)/run

# Only the .gguf file of this package is wanted, none of what it depends on; an extra cannot say so.
$(STAMPS)/model: $(STAMPS)/venv
	@tools/setup.sh model "$(VENV)"
	@touch $@

.PHONY: browser
browser:
	@tools/setup.sh browser
