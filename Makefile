# auricle hears: `make listen` and `make test` are all a newcomer needs. The first call of each installs, later ones start at once.
#   make listen                         hear the examples
#   make listen FILES="a.wav b.mp3"     hear your own files (quote names with spaces: FILES="'my file.wav' b.mp3")
#   make listen MODEL=mn04              hear them with a published model, after: .venv/bin/auricle models get mn04
#   make listen MODEL=auricle-tiny-2    hear them with another shipped model
#   make test                           run the tests (some only: ARGS="tests/signal", ARGS='-m "not slow"'; one at a time: ARGS="-n 0 -x")
#   make page                           build the page of `auricle serve` (needs npm of Node.js 20 or newer)
#   make lint | results | clean         check style and types | render docs/results.md | remove what was installed

VENV ?= .venv
TORCH := torch==2.13.0
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
MODEL :=
FILES ?= $(sort $(wildcard examples/*.wav examples/*.flac examples/*.ogg examples/*.opus))
export FILES MODEL

.PHONY: listen test page lint results clean
.DEFAULT_GOAL := listen

# Only models that are not shipped need torch, which converts them.
listen: $(VENV)/.core $(if $(MODEL),$(if $(wildcard auricle/weights/$(MODEL)/config.json),,$(VENV)/.published))
	@if [ -e "$$FILES" ]; then set -- "$$FILES"; else eval "set -- $$FILES"; fi; $(BIN)/auricle listen $${MODEL:+-m "$$MODEL"} "$$@"

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy

results: $(VENV)/.core
	@$(BIN)/python -m auricle.bench.results

# Built files are in the wheel but not in git. npm ci installs exactly what package-lock.json names, into page/ alone.
page: auricle/serve/page/index.html

auricle/serve/page/index.html: page/node_modules/.package-lock.json page/build.mjs $(wildcard page/src/*)
	@cd page && node build.mjs

page/node_modules/.package-lock.json: page/package.json page/package-lock.json
	@command -v npm >/dev/null || { echo "the page is built with npm, which was not found; install Node.js 20 or newer (https://nodejs.org), then: make page" >&2; exit 1; }
	@echo "Installing what the page is built with into page/node_modules (about 15 MB, once) ..."
	@cd page && npm ci --omit=dev --silent --no-audit --no-fund
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis page/node_modules auricle/serve/page

# A stamp is written when everything before it worked, so an interrupted install is taken up again by the next call.
$(VENV)/.core: pyproject.toml constraints.txt
	@python=$${PYTHON:-}; \
	for name in python3 python3.13 python3.12 python3.11; do \
		[ -n "$$python" ] || ! $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || python=$$name; \
	done; \
	[ -n "$$python" ] || { echo "auricle needs Python 3.11 or newer; none was found. Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }; \
	echo "Installing auricle into $(VENV) (about 250 MB, once) ..."; \
	"$$python" -m venv $(VENV)
	@$(PIP) install -c constraints.txt -e .
	@touch $@

# What published models need; .dev has it too.
$(VENV)/.published: $(VENV)/.core
	@[ -e $(VENV)/.dev ] || { \
		echo "Installing what published models need into $(VENV) (torch among it, about 1 GB, once) ..."; \
		$(PIP) install --no-compile -c constraints.txt "$(TORCH)" && $(PIP) install --no-compile -c constraints.txt -e ".[hf,export]"; \
	}
	@touch $@

# torch first and by itself: without it in place, a package that wants torch would bring the newest one and its CUDA packages.
# Not compiled beforehand: most of torch's thousands of modules are never imported.
$(VENV)/.dev: $(VENV)/.core
	@echo "Installing what the tests need into $(VENV) (torch among it, about 1 GB, once) ..."
	@$(PIP) install --no-compile -c constraints.txt "$(TORCH)"
	@$(PIP) install --no-compile -c constraints.txt -e ".[dev]"
	@touch $@
