# Each target sets up what it needs. `make demo` and `make test` are all that a newcomer needs.

PYTHON ?= python3
# Another Python than python3 has folders of its own: .venv-3.13 for make PYTHON=python3.13.
OTHER := $(if $(filter python3,$(PYTHON)),,-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
VENV := .venv$(OTHER)
LOWEST := .venv-lowest$(OTHER)
SPARK := .venv-spark$(OTHER)
SPARK_LOWEST := .venv-spark-lowest$(OTHER)
ENGINES := .venv-engines$(OTHER)
CLOUDS := .venv-clouds$(OTHER)
BIN := $(VENV)/bin
QUESTION ?= list the top 5 countries with the most orders
# The number of test processes: four on two cores, since some tests wait. Idle processes take over tests of others.
JOBS ?= 4
PYTEST := -m pytest -n $(JOBS) --dist worksteal

.PHONY: demo test test-fast test-lowest test-spark test-spark-lowest test-engines test-clouds setup setup-lowest cuts flips check format openapi schemathesis bench bench-growth bench-fidelity bench-questions bench-polling bench-metadata bench-startup bench-warm bench-throughput bench-async bench-history bench-warehouse bench-recording bench-batch bench-bounds docstrings notebooks fuzz fuzz-guard mutate soak chaos structure docs picture dist test-dist setup-all clean

demo: $(VENV)/demo.stamp
	$(BIN)/connecty ask "$(QUESTION)" --sandbox

# With JupyterLab, and with the type checkers, which tests/test_typing.py runs over code of users.
test: $(VENV)/test.stamp $(VENV)/browser.stamp $(VENV)/lint.stamp
	$(BIN)/python $(PYTEST)

# Without tests of half a second or more: for each change while developing, and for the newest Python in .ci/run.
test-fast: $(VENV)/test.stamp
	$(BIN)/python $(PYTEST) -m "not slow"

# On exactly the lower bounds of pyproject.toml instead of the newest versions; without the examples of the docs, what needs
# a browser or a proxy, and slow tests, which LOWEST_MARKS="not external" includes.
LOWEST_MARKS ?= not external and not slow
test-lowest: $(LOWEST)/test.stamp
	$(LOWEST)/bin/python $(PYTEST) -m "$(LOWEST_MARKS)" --ignore=tests/docs

# With Java and half a gigabyte of Spark, which are too much for each change: in threads of one process, on a cluster of
# three processes, and through Spark Connect.
test-spark: $(SPARK)/test.stamp
	for mode in 'local[2,3]' 'local-cluster[2,1,512]' connect; do \
		SPARK_MODE="$$mode" $(SPARK)/bin/python -m pytest tests/spark || exit 1; done

test-spark-lowest: $(SPARK_LOWEST)/test.stamp
	$(SPARK_LOWEST)/bin/python -m pytest tests/spark

# The recipes for other engines; Ray listens on the network address of the machine.
test-engines: $(ENGINES)/test.stamp
	$(ENGINES)/bin/python -m pytest --force-enable-socket tests/engines

# The clients of cloud warehouses, against servers on loopback that speak their wire formats.
test-clouds: $(CLOUDS)/test.stamp
	$(CLOUDS)/bin/python -m pytest tests/clouds

# Install what the tests need, and run nothing.
setup: $(VENV)/test.stamp
setup-all: $(foreach group,test browser lint bench docs dist,$(VENV)/$(group).stamp)
setup-lowest: $(LOWEST)/test.stamp

# Truncate an answer after each of its bytes; the tests truncate it after each seventh.
cuts: $(VENV)/test.stamp
	CUTS_EVERY=1 $(BIN)/python $(PYTEST) tests/faults/test_cuts.py

# Other generated cases than those of the tests, and more of them.
schemathesis: $(VENV)/test.stamp
	SCHEMATHESIS="--max-examples 300" $(BIN)/python -m pytest -s tests/sandbox/test_openapi.py -k schemathesis

# Write the OpenAPI document of the docs from the one that the sandbox serves.
openapi: $(VENV)/test.stamp
	$(BIN)/python -c 'import json, sys, yaml; yaml.safe_dump(json.load(sys.stdin), sys.stdout, sort_keys=False, width=120)' \
		<connecty_frames/sandbox/openapi.json >docs/api/openapi.yaml

# The keywords of each function in its docstring, from AskOptions, Settings and Sandbox.
docstrings: $(VENV)/test.stamp
	$(BIN)/python -m docs.docstrings

# Execute the notebooks and store those whose outputs have changed.
notebooks: $(VENV)/test.stamp
	$(BIN)/python -m docs.execute_notebooks

# Flip each bit of a Parquet file; the tests flip every 97th.
flips: $(VENV)/test.stamp
	FLIPS_EVERY=1 $(BIN)/python $(PYTEST) tests/frames/test_damage.py -m slow

check: $(VENV)/test.stamp $(VENV)/browser.stamp $(VENV)/lint.stamp $(VENV)/bench.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/lint.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/demo.stamp $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.decode

# The time of a row from 1,000 rows to 5,000,000, and of a column from 8 columns to 10,000.
bench-growth: $(VENV)/demo.stamp $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.decode --growth

# What importing, the command line and a first question cost, beside scripts written by hand.
bench-startup: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.startup

# The processor time of one question, with everything imported and connected, beside code written by hand.
bench-warm: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.warm

# A thousand questions over sixteen threads, beside code written by hand.
bench-throughput: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.throughput

# How long the event loop is blocked while questions are awaited.
bench-async: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.awaiting

# The cost of the metadata on a frame.
bench-metadata: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.metadata

# Is every value right, or reported by a warning or an error? The ground truth is DuckDB's own Arrow export, then columns
# as PostgreSQL, MariaDB (both skipped where they are not installed) and other warehouses, drivers and libraries send them.
bench-fidelity: $(VENV)/test.stamp
	$(BIN)/python -m tests.verification.fidelity; code=$$?; \
		$(BIN)/python -m tests.verification.fidelity.warehouses && exit $$code

# How many questions that people wrote does the sandbox answer, and are the answers right?
bench-questions: $(VENV)/test.stamp
	$(BIN)/python -m tests.verification.questions

# Memory and time of bodies made to cost much more than their size, beside code written by hand; SIZES in megabytes.
SIZES ?= 1 4 16
bench-bounds: $(VENV)/demo.stamp
	$(BIN)/python -m tests.verification.bounds --sizes $(SIZES); code=$$?; \
	$(BIN)/python -m tests.verification.bounds --calls --sizes $(SIZES) && exit $$code

# What a history adds to the processor time of a question.
bench-recording: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.recording

# Processes that ask are killed at 200 random moments: is every accepted question, and every id, in the history?
bench-history: $(VENV)/demo.stamp
	$(BIN)/python -m tests.verification.history

# A batch of 1,000 questions that is killed ten times: is each asked once? And the memory and rate of 10,000.
bench-batch: $(VENV)/demo.stamp
	$(BIN)/python -m tests.verification.batch

# A cut answer becomes a Parquet dataset of five million rows by way of PostgreSQL: are the values right, in how much
# memory? Then the processor time beside that of the client alone, by ADBC and DuckDB.
bench-warehouse: $(VENV)/test.stamp
	$(BIN)/python -m tests.verification.rerun

# A million malformed bodies.
fuzz: $(VENV)/demo.stamp $(VENV)/bench.stamp
	$(BIN)/python -m tests.verification.fuzz

# Hostile SQL until 10,000 texts for each of PostgreSQL, DuckDB and SQLite have passed the guard of rerun, which these
# databases judge themselves; FUZZ_GUARD="--without text" switches a rule off.
fuzz-guard: $(VENV)/test.stamp
	$(BIN)/python -m tests.verification.fuzz_guard $(FUZZ_GUARD)

# Do the fast tests notice changes of the package? MUTATE="--seed 7 --room decode --count 100".
mutate: $(VENV)/test.stamp
	$(BIN)/python -m tests.verification.mutate $(MUTATE)

# Twenty thousand questions, a fault in a quarter of them. The scripted server is the tests' own.
soak: $(VENV)/demo.stamp
	$(BIN)/python -m tests.verification.soak $(SOAK)
	$(BIN)/python -m tests.verification.soak.openings

# Two thousand questions through nginx, haproxy and squid, which are killed, stopped and suspended during the run.
chaos: $(VENV)/demo.stamp
	$(BIN)/python -m tests.verification.chaos $(CHAOS)

# The size of the package and the path of one question; STRUCTURE="--package PATH" measures another checkout.
structure: $(VENV)/demo.stamp
	$(BIN)/python -m tests.verification.structure $(STRUCTURE)

# The delay until the client sees that a question is done, and the requests that this takes.
bench-polling: $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.polling

docs: $(VENV)/demo.stamp $(VENV)/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	$(BIN)/python -m docs.check_search

# The pictures of an answer in the README and the documentation; needs chromium.
picture: $(VENV)/browser.stamp
	$(BIN)/python -m docs.picture

# The sdist, and the wheel that is built from it.
dist: $(VENV)/dist.stamp
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# Test both, installed and unpacked outside of the checkout.
test-dist: dist $(VENV)/test.stamp
	.ci/test-dist $(BIN)/python

clean:
	rm -rf .venv .venv-* dist docs/_build docs/api/generated

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[excel,plot,sandbox,sql,terminal-plot]'
	@touch $@

$(VENV)/%.stamp: pyproject.toml | $(VENV)/demo.stamp
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

$(SPARK)/test.stamp $(ENGINES)/test.stamp: .venv-%$(OTHER)/test.stamp: pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --upgrade pip
	$(@D)/bin/python -m pip install --quiet --editable '.[sandbox,sql]' --group $*
	@touch $@

$(CLOUDS)/test.stamp: pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet uv
	$(@D)/bin/uv pip install --quiet --system-certs --python $(@D)/bin/python --editable '.[sandbox,sql]' --group clouds
	@touch $@

$(SPARK_LOWEST)/test.stamp: pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet uv
	$(@D)/bin/uv pip install --quiet --system-certs --python $(@D)/bin/python --resolution lowest-direct --editable '.[sandbox,spark,sql]'
	$(@D)/bin/uv pip install --quiet --system-certs --python $(@D)/bin/python --group lowest
	@touch $@

$(LOWEST)/test.stamp: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip install --quiet --system-certs --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[excel,plot,sandbox,sql,terminal-plot]'
	$(LOWEST)/bin/uv pip install --quiet --system-certs --python $(LOWEST)/bin/python --group lowest
	@touch $@
