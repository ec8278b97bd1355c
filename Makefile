# Two commands do everything on a bare machine with Python 3.11+ and make:
#   make demo   environment, then cohort -> models -> validation -> evidence page
#   make test   environment, then the tests
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= 2
# Compiled sources are kept: tests that start Python would compile the library anew each time.
unexport PYTHONDONTWRITEBYTECODE
# A worker takes neighbouring tests, so that a fixture of a module is made once, and takes over from a busier one at the end
SPREAD := -n $(JOBS) --dist worksteal

# The environment is rebuilt only when one of these changes.
INPUTS := pyproject.toml constraints.txt
HASH := $(shell cat $(INPUTS) | $(PYTHON) -c "import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])")
DEMO_READY := $(VENV)/.demo-$(HASH)
TEST_READY := $(VENV)/.test-$(HASH)

# What make check compares with, and how many seconds its tests may take.
SINCE ?= main
SECONDS_OF_TESTS ?= 120

.PHONY: demo test check test-slow lint types contracts docs gallery wheel release radiomics wheelhouse bench mutants clean deep flower mirp pandas3

$(PY):
	$(PYTHON) -m venv $(VENV)

$(DEMO_READY): | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[report,boost,shap]"
	@rm -f $(VENV)/.demo-*; touch $@

$(TEST_READY): | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@rm -f $(VENV)/.test-* $(VENV)/.demo-*; touch $@ $(DEMO_READY)

demo: $(DEMO_READY)
	$(VENV)/bin/lbp-prognosis demo -o out/demo

test: $(TEST_READY)
	$(PY) -m pytest $(SPREAD) -m "not slow" $(ARGS)

# Before a commit: lint, import contracts and the tests that the change concerns, nearest first, in under three minutes.
check: $(TEST_READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(PY) tests/affected.py --since $(SINCE) --seconds $(SECONDS_OF_TESTS) -- -n $(JOBS) --dist loadfile

test-slow: $(TEST_READY)
	$(PY) -m pytest $(SPREAD) -m slow $(ARGS)

lint: $(TEST_READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(TEST_READY)
	$(VENV)/bin/mypy

contracts: $(TEST_READY)
	$(VENV)/bin/lint-imports

docs: $(TEST_READY)
	$(PY) -m sphinx -q -b html docs docs/_build/html

# Runs examples/gallery and keeps figures and what is printed; NAMES="visits scores" for some of them.
gallery: $(TEST_READY)
	$(PY) docs/write_gallery.py $(NAMES)

wheel: $(TEST_READY)
	$(PY) -m build --wheel --outdir dist

# What a release publishes: sdist, wheel and the bill of materials of the demonstration's environment (CycloneDX).
release: $(TEST_READY)
	rm -rf dist
	$(PY) -m build --outdir dist
	$(PY) .ci/sbom.py report boost shap > dist/sbom.cdx.json

# pyradiomics 3.0.1 builds on Python 3.11 with a C compiler, from an environment that holds its build tools; that one is
# thrown away, so that the library's own keeps its versions. Everything else works without it.
radiomics: $(TEST_READY)
	$(PY) -m venv build/radiomics
	build/radiomics/bin/python -m pip install --quiet --disable-pip-version-check "setuptools<81" wheel versioneer cython "$$(grep -i '^numpy==' constraints.txt)"
	build/radiomics/bin/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w build/radiomics/wheel pyradiomics==3.0.1
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps build/radiomics/wheel/pyradiomics-3.0.1-*.whl
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt PyWavelets pykwalify six
	$(PY) -c "import radiomics.featureextractor"

# MIRP, the other engine of texture, and its tests, in an environment of their own: it brings ITK (1.4 GB of disk). Any Python
# from 3.11 on: make mirp PYTHON=python3.12
mirp: build/mirp/.ready
	build/mirp/bin/python -m pytest -q -n 0 -m "slow or not slow" -k "mirp or engine" tests/unit/biomarkers/test_radiomics.py tests/reference/test_radiomics_reference.py

build/mirp/.ready: pyproject.toml
	$(PYTHON) -m venv build/mirp
	build/mirp/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[mirp]" "mirp<2.6" pytest pytest-timeout pytest-xdist hypothesis
	touch $@

# torch for MultimodalNet. TORCH passes options to pip, such as an index that has the build for processors alone (the other
# one pulls gigabytes). Everything else works without it.
TORCH ?=
deep: $(TEST_READY)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt $(TORCH) "$$(grep -i '^torch==' constraints.txt)"

# Flower and its simulation engine (Ray), for the test of federated rounds in it, in an environment of their own: they pin
# what the library has in other versions. The engine needs 1.1 GB of disk.
flower: $(TEST_READY) build/flower/.ready
	FLOWER_PYTHON="$(CURDIR)/build/flower/bin/python" $(PY) -m pytest -q -n 0 -m "slow or not slow" tests/unit/federation/test_flower.py

build/flower/.ready: pyproject.toml
	$(PYTHON) -m venv build/flower
	build/flower/bin/python -m pip install --quiet --disable-pip-version-check -e . "flwr[simulation]==1.42.0"
	touch $@

# pandas 3 before the pinned pandas 2 (which lifelines, of an extra, still needs), for the tests of what enters: tables,
# labels and kinds of columns. It adds about a minute; the rest of the environment stays as it is.
pandas3: $(TEST_READY) build/pandas3/.ready
	PYTHONPATH="$(CURDIR)/build/pandas3" $(PY) -c "import pandas; assert pandas.__version__.startswith('3.'), pandas.__version__"
	PYTHONPATH="$(CURDIR)/build/pandas3" $(PY) -m pytest $(SPREAD) -m "not slow" tests/contract/test_intake.py

build/pandas3/.ready: $(INPUTS) | $(TEST_READY)
	rm -rf build/pandas3
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target build/pandas3 "pandas>=3,<4"
	touch $@

# Everything needed for an installation without a network, extras included:
#   pip install --no-index --find-links wheelhouse "lbp-prognosis[report,boost,shap,io,imaging]"
EXTRAS ?= report,boost,shap,io,imaging
wheelhouse: $(TEST_READY)
	rm -rf wheelhouse
	$(PY) -m build --wheel --outdir wheelhouse
	$(PY) -m pip download --quiet --disable-pip-version-check --only-binary :all: -c constraints.txt -d wheelhouse "$$(ls wheelhouse/lbp_prognosis-*.whl)[$(EXTRAS)]"

# Single changes of a room's source that no test notices; takes minutes per room: make mutants ROOM="cohort fusion"
ROOM ?= cohort
SAMPLE ?= 60
SEED ?= 1
SECONDS_PER_MUTANT ?= 60
mutants: $(TEST_READY)
	$(PY) tests/mutants.py $(ROOM) --sample $(SAMPLE) --seed $(SEED) --seconds $(SECONDS_PER_MUTANT) $(if $(AGAIN),--again)

bench: $(TEST_READY)
	$(PY) -m benchmarks.run

clean:
	rm -rf $(VENV) build dist out docs/_build wheelhouse
