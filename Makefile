# Every target builds what it needs. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false
ifneq ($(wildcard ../shared/data),)
export LONGSHORT_DATA ?= $(abspath ../shared/data)
endif

# The study's own variables become settings: DATA=... is data.root=..., and so on.
SETTINGS = $(if $(DATA),'data.root=$(DATA)') $(if $(MAP),'data.map=$(MAP)') $(if $(DOCS),'data.docs=$(DOCS)') \
	$(if $(QUESTIONS),'data.questions=$(QUESTIONS)') $(if $(REFERENCE),'cells.reference=$(REFERENCE)') $(SET)

FOLDER ?= runs/reader

.DEFAULT_GOAL := help
.PHONY: help install experiment plan cost calibrate doctor triples policy serve why gc test check format bench train-reader report clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo; echo "  e.g. make experiment NAME=quickstart    make experiment NAME=lara DATA=path SET='limit=100 score.encoder=false'"

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1). Give PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "error: $(PYTHON) has no venv. Install the package python3-venv, or give PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@# Warnings of the build backend speak of any editable installation, not of this one.
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(VENV)/.installed ## Build .venv with everything a laptop needs

experiment: $(VENV)/.installed ## Run a study: NAME=quickstart|lara|recorded|folder|retrieval|compression|order|file.yaml, SET='key=value ...'
	@test -n "$(NAME)" || { echo "error: NAME is not given. Write NAME=quickstart"; exit 2; }
	@$(BIN)/python -m experiments run '$(NAME)' $(SETTINGS)

plan: $(VENV)/.installed ## What a study would take, without running it (NAME=...)
	@$(BIN)/python -m experiments run '$(NAME)' $(SETTINGS) --dry-run

doctor: $(VENV)/.installed ## Check a study's data and last run for what has fooled comparisons (NAME=...)
	@$(BIN)/python -m experiments doctor '$(NAME)' $(SETTINGS)

policy: $(VENV)/.installed ## An exported policy: DO=check|show|monitor POLICY=file [LOG=file], DO=diff POLICY=file AND=file
	@test -n "$(DO)" && test -n "$(POLICY)" || { echo "error: DO and POLICY are needed. Write DO=check POLICY=runs/routing/policy.json"; exit 2; }
	@$(BIN)/python -m experiments policy $(DO) '$(POLICY)' $(if $(AND),'$(AND)') $(if $(LOG),'$(LOG)')

serve: $(VENV)/.installed ## An OpenAI-compatible gateway that routes: POLICY=file UPSTREAM=http://host:8000/v1 [CORPUS=folder] [ROUTES=study] [ARGS=...]
	@test -n "$(POLICY)" && test -n "$(UPSTREAM)" || { echo "error: POLICY and UPSTREAM are needed. Write POLICY=runs/routing/policy.json UPSTREAM=http://localhost:8000/v1"; exit 2; }
	@$(BIN)/python -m experiments serve --policy '$(POLICY)' --upstream '$(UPSTREAM)' $(if $(CORPUS),--corpus '$(CORPUS)') $(if $(ROUTES),--routes '$(ROUTES)') $(ARGS)

triples: $(VENV)/.installed ## State the documents' facts as triples, by a study's first reader (NAME=..., OUT=file, CHUNK='{type: documents}')
	@test -n "$(NAME)" && test -n "$(OUT)" || { echo "error: NAME and OUT are needed. Write NAME=file.yaml OUT=triples.jsonl"; exit 2; }
	@$(BIN)/python -m experiments triples '$(NAME)' $(SETTINGS) --out '$(OUT)' $(if $(CHUNK),--chunk '$(CHUNK)')

why: $(VENV)/.installed ## Explain what the next run of a study would make again (NAME=...)
	@$(BIN)/python -m experiments cache why '$(NAME)' $(SETTINGS)

gc: $(VENV)/.installed ## Free what no run stands on
	@$(BIN)/python -m experiments cache gc

test: $(VENV)/.installed ## Run the tests, on every core
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/.installed ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed ## Format the code
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

bench: $(VENV)/.installed ## Run a benchmark: NAME=bm25|ppr|encode|growth|graph|retrieval|reader|... [ARGS=...]
	@test -f 'benchmarks/$(NAME).py' || { echo "error: no benchmark '$(NAME)'. Known: $(filter-out __init__ bench reader_bars reader_plot,$(basename $(notdir $(wildcard benchmarks/*.py))))"; exit 2; }
	@$(BIN)/python -m benchmarks.$(NAME) $(ARGS)

cost: $(VENV)/.installed ## What LC, RAG and hybrids cost a question: ARGS='--model llama-8b --device h200 --docs 100 --doc-tokens 32000 --questions-per-doc 16'
	@$(BIN)/python -m pipeline plan $(ARGS)

calibrate: $(VENV)/.installed ## Measure this machine for the cost model, half a minute: OUT=device.json
	@$(BIN)/python -m pipeline calibrate --out '$(or $(OUT),device.json)' $(ARGS)

train-reader: $(VENV)/.installed ## Train the embedded reader from nothing on one GPU, or go on: FOLDER=runs/reader TOKENS=... SHAPE=...
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' \
	  || { echo "error: torch sees no GPU. Training takes about half an hour of one H100; on a CPU it would take weeks"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,reader]'
	@$(BIN)/python -m experiments.reader prepare --out '$(FOLDER)/data'
	@PYTHON='$(abspath $(BIN))/python' DATA='$(abspath $(FOLDER))/data' RUN='$(abspath $(FOLDER))/run' \
	  EXPORT='$(abspath $(FOLDER))/model' SECONDS_LEFT='$(or $(SECONDS_LEFT),999999)' \
	  $(foreach v,TOKENS TOKENS_SECOND SHAPE SEED WORKERS,$(if $($v),$v='$($v)')) bash benchmarks/gpu/train_reader.sh \
	  || { s=$$?; test $$s -ne 3 || echo "cut off: the same command goes on"; exit $$s; }
	@$(BIN)/python -m experiments.reader card '$(FOLDER)/model' --training '$(FOLDER)/run/first/light' --training '$(FOLDER)/run/second/light' --texts '$(FOLDER)/data/texts.json'
	@echo "the reader is in $(FOLDER)/model; measure it: make bench NAME=reader ARGS='--model $(FOLDER)/model'"

clean: ## Remove .venv and caches; keeps runs/ and .longshort/
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache *.egg-info
