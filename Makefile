# Each target sets up what it needs. `make demo` and `make test` are all that a newcomer needs; `make help` lists the others.

# On Windows, python3 is a stub that opens a shop, and programs of an environment have another folder.
DEFAULT := $(if $(filter Windows_NT,$(OS)),python,python3)
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
PYTHON ?= $(DEFAULT)
# Another Python has folders of its own: .venv-3.13 for make PYTHON=python3.13.
OTHER := $(if $(filter $(DEFAULT),$(PYTHON)),,-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
VENV := .venv$(OTHER)
BIN := $(VENV)/$(SCRIPTS)
RUN = $(BIN)/python -m
# The versions that are installed, so that no release of another project fails a test; CONSTRAINTS= takes the newest.
CONSTRAINTS ?= .ci/constraints.txt
install = $1 tools/packages.py install $(CONSTRAINTS:%=-c %)
QUESTION ?= list the top 5 countries with the most orders
# The number of test processes: four on two cores, since some tests wait. Idle processes take over tests of others.
JOBS ?= 4
PYTEST = -m pytest -n $(JOBS) --dist worksteal
# Further arguments of the program that a target runs.
ARGS ?=

# What `make bench` measures; docs/performance/figures.md has the results.
bench.decode = $(RUN) benchmarks.decode $(ARGS) ## how fast bytes become a table, beside JSON parsers and code written by hand
bench.growth = $(RUN) benchmarks.decode --growth $(ARGS) ## the time of a row up to 5,000,000 rows, and of a column up to 10,000
bench.startup = $(RUN) benchmarks.startup ## importing, the command line and a first question, beside scripts written by hand
bench.warm = $(RUN) benchmarks.warm ## the processor time of one question, everything imported and connected
bench.throughput = $(RUN) benchmarks.throughput ## a thousand questions over sixteen threads
bench.async = $(RUN) benchmarks.awaiting ## how long the event loop is blocked while questions are awaited
bench.polling = $(RUN) benchmarks.polling $(ARGS) ## the delay until a finished question is noticed, and the requests
bench.metadata = $(RUN) benchmarks.metadata ## the cost of the metadata on a frame
bench.masking = $(RUN) benchmarks.masking ## the time to mask secrets in bodies that a server made to take long
bench.payloads = $(RUN) benchmarks.payloads $(ARGS) ## what warehouses really write, and schema=, beside code written by hand; ARGS="--package PATH" beside another checkout
bench.recording = $(RUN) benchmarks.recording ## what a history adds to the processor time of a question

# Run the second program even if the first fails.
both = $(RUN) $1; code=$$?; $(RUN) $2 && exit $$code
# What `make verify` does: tests that are too long for `make test`. Most of them draw new cases each time.
verify.fidelity = $(RUN) tests.verification fidelity $(ARGS) ## is every value right or reported? Against DuckDB and the data of databases
verify.questions = $(RUN) benchmarks.questions ## how many questions that people wrote does the sandbox answer rightly?
verify.bounds = $(call both,benchmarks.bounds $(ARGS),benchmarks.bounds --calls $(ARGS)) ## memory and time of hostile bodies; ARGS="--sizes 1 4" in megabytes
verify.history = $(RUN) tests.verification history $(ARGS) ## 200 processes are killed while they ask: is each question in the history? ARGS="--store postgres" shares one
verify.batch = $(RUN) tests.verification batch $(ARGS) ## a batch is killed ten times: is each question asked once? ARGS="--store postgres": by four pods
verify.cast = $(RUN) tests.verification cast $(ARGS) ## 200,000 numbers that a client rounded to floats: does cast change one of them?
verify.fuzz = $(RUN) tests.verification fuzz $(ARGS) ## a million malformed bodies
verify.mutate = $(RUN) tests.verification mutate $(ARGS) ## do the fast tests notice changes? ARGS="--seed 7 --room decode --count 100"
verify.soak = $(RUN) tests.verification soak $(ARGS) ## 20,000 questions, a fault in a quarter of them
verify.openings = $(RUN) tests.verification openings $(ARGS) ## 500 batch folders, clients and histories in a process: what do they leave?
verify.chaos = $(RUN) tests.verification chaos $(ARGS) ## 2,000 questions through nginx, haproxy and squid, which are killed meanwhile
verify.docs = $(RUN) tests.verification.docs $(ARGS) ## does each page run as pasted, with only the extras that it names?
verify.cuts = CUTS_EVERY=1 $(BIN)/python $(PYTEST) tests/faults/test_cuts.py ## an answer truncated after each of its bytes
verify.flips = FLIPS_EVERY=1 $(BIN)/python $(PYTEST) tests/frames/test_damage.py -m slow ## a Parquet file with each of its bits flipped
verify.schemathesis = SCHEMATHESIS="--max-examples 300" $(RUN) pytest -s tests/sandbox/test_openapi.py -k schemathesis ## requests made from the OpenAPI document
verify.medium = $(foreach what,$(or $(ONLY),$(call choices,medium)),$(MAKE) verify WHAT=$(what) ARGS="$(medium.$(what))" &&) true ## those that follow, in medium length; ONLY="fidelity fuzz openings" as in .ci/run
# The same cases each time, half a minute of processor time for each program.
medium.bounds = --every 14 --sizes 4 --readers Arrow
medium.chaos = --questions 300 --seed 1
medium.fidelity = --every 16
medium.fuzz = --cases 2000 --seed 1
medium.openings = --count 90
medium.soak = --questions 600 --seed 1

# Tests in environments of their own: what is installed besides the group of the same name, and what runs.
ENVIRONMENTS := lowest spark spark-lowest engines schedulers
package = --editable '.[sandbox,sql]'
package.lowest = --resolution lowest-direct --editable '.[excel,plot,sandbox,sql,terminal-plot]'
package.spark-lowest = --resolution lowest-direct --editable '.[sandbox,spark,sql]'
# Without the examples of the docs, and what needs a browser or a proxy; ARGS='-m "not external"' includes slow tests.
test.lowest = $(<D)/$(SCRIPTS)/python $(PYTEST) -m "not external and not slow" --ignore=tests/docs $(ARGS)
# In threads of one process, on a cluster of three processes, and through Spark Connect.
test.spark = for mode in 'local[2,3]' 'local-cluster[2,1,512]' connect; do \
	SPARK_MODE="$$mode" $(<D)/$(SCRIPTS)/python -m pytest tests/spark $(ARGS) || exit 1; done
test.spark-lowest = $(<D)/$(SCRIPTS)/python -m pytest tests/spark $(ARGS)
# Ray listens on the network address of the machine.
test.engines = $(<D)/$(SCRIPTS)/python -m pytest --force-enable-socket tests/engines $(ARGS)
# Prefect runs a server on the loopback address, and dbt is a program.
test.schedulers = $(<D)/$(SCRIPTS)/python -m pytest --force-enable-socket tests/engines/test_schedulers.py $(ARGS)

choices = $(sort $(patsubst $1.%,%,$(filter $1.%,$(.VARIABLES))))
$(foreach goal,$(filter bench verify,$(MAKECMDGOALS)),$(if $($(goal).$(WHAT)),,\
	$(error make $(goal) needs WHAT, one of: $(call choices,$(goal)))))

.PHONY: help demo test test-fast $(ENVIRONMENTS:%=test-%) setup check format bench verify structure docs docstrings notebooks openapi picture dist test-dist constraints clean

help: ## this list
	@awk -F ' *[:=].*## ' '/^[a-z-]+:.*## / {printf "make %-25s %s\n", $$1, $$2}' Makefile
	@awk -F ' *=.*## ' '/^(bench|verify)\..*## / {sub(/\./, " WHAT=", $$1); printf "make %-25s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/demo.stamp ## ask the sandbox a question; QUESTION="..." asks another one
	$(BIN)/connecty ask "$(QUESTION)" --sandbox

# With JupyterLab, with mutmut, and with the type checkers, which tests/typing/test_typing.py runs over code of users.
test: $(VENV)/test.stamp $(VENV)/browser.stamp $(VENV)/lint.stamp $(VENV)/mutation.stamp ## run all tests, in four processes; JOBS=6 for six
	$(BIN)/python $(PYTEST) $(ARGS)

# For each change while developing, and for the newest Python in .ci/run.
test-fast: $(VENV)/test.stamp ## run the tests that take less than half a second each
	$(BIN)/python $(PYTEST) -m "not slow" $(ARGS)

test-lowest: ## run the fast tests on the lower bounds of pyproject.toml; ARGS='-m "not external"' the slow ones too
test-spark: ## test Spark in three modes; needs Java
test-spark-lowest: ## test Spark on the lowest pyspark; needs Java
test-engines: ## test the recipes for Dask, Ray, Daft and ibis
test-schedulers: ## test the recipes for Dagster, Prefect and dbt

$(ENVIRONMENTS:%=test-%): test-%: .venv-%$(OTHER)/test.stamp
	$(test.$*)

# Groups of pyproject.toml, or environments.
setup: $(foreach each,$(or $(WHAT),test),$(if $(filter $(each),$(ENVIRONMENTS)),.venv-$(each)$(OTHER)/test.stamp,$(VENV)/$(each).stamp)) ## install what tests need, or WHAT="lint docs"

check: $(VENV)/test.stamp $(VENV)/browser.stamp $(VENV)/lint.stamp $(VENV)/bench.stamp ## run ruff, mypy and the import contracts; check the workflow
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

format: $(VENV)/lint.stamp ## fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/demo.stamp $(VENV)/bench.stamp ## measure; WHAT is below
	$(bench.$(WHAT))

verify: $(VENV)/test.stamp $(if $(filter mutate,$(WHAT)),$(VENV)/mutation.stamp) ## test at length; WHAT is below
	$(verify.$(WHAT))

structure: $(VENV)/demo.stamp ## the size of the package and the way of one question; ARGS="--package PATH" for another checkout
	$(RUN) tools.structure $(ARGS)

docs: $(VENV)/demo.stamp $(VENV)/docs.stamp ## build the documentation into docs/_build/html, and search it
	$(RUN) sphinx -aW --keep-going -b html docs docs/_build/html
	$(RUN) tools.search

docstrings: $(VENV)/test.stamp ## write the keywords of AskOptions, Settings and Sandbox into the docstrings that list them
	$(RUN) tools.docstrings

notebooks: $(VENV)/test.stamp ## execute the notebooks, and store those whose outputs have changed
	$(RUN) tools.notebooks

openapi: $(VENV)/test.stamp ## write docs/api/openapi.yaml from the document that the sandbox serves
	$(BIN)/python -c 'import json, sys, yaml; yaml.safe_dump(json.load(sys.stdin), sys.stdout, sort_keys=False, width=120)' \
		<connecty_frames/sandbox/openapi.json >docs/api/openapi.yaml

picture: $(VENV)/browser.stamp ## draw the pictures in the README and the documentation; needs chromium
	$(RUN) tools.pictures

dist: $(VENV)/dist.stamp ## build the sdist into dist/, and the wheel from it
	rm -rf dist
	$(RUN) build
	$(BIN)/twine check --strict dist/*

constraints: $(BIN)/python ## write the newest versions of all packages into .ci/constraints.txt, which set-up installs
	$(BIN)/python tools/packages.py compile --quiet --universal --upgrade --no-annotate --all-extras \
		$(patsubst %,--group %,test browser lint bench mutation dist docs) --custom-compile-command "make constraints" --output-file .ci/constraints.txt pyproject.toml

test-dist: dist $(VENV)/test.stamp ## install and test both outside of the checkout
	.ci/test-dist $(BIN)/python

clean: ## remove the environments and what was built
	rm -rf .venv .venv-* dist docs/_build docs/api/generated

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "== Installing the package and its libraries into $(VENV): about 250 MB, which takes a minute"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@$(call install,$(BIN)/python) --editable '.[excel,plot,sandbox,sql,terminal-plot]'
	@touch $@

$(VENV)/%.stamp: pyproject.toml $(CONSTRAINTS) | $(VENV)/demo.stamp
	@$(call install,$(BIN)/python) --group $*
	@touch $@

# The newest or the lowest versions.
$(ENVIRONMENTS:%=.venv-%$(OTHER)/test.stamp): CONSTRAINTS =
$(ENVIRONMENTS:%=.venv-%$(OTHER)/test.stamp): .venv-%$(OTHER)/test.stamp: pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	@$(call install,$(@D)/$(SCRIPTS)/python) $(or $(package.$*),$(package))
	@$(call install,$(@D)/$(SCRIPTS)/python) --group $(patsubst %lowest,lowest,$*)
	@touch $@
