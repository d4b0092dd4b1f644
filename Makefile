# Each target sets up what it needs; the second time that takes no time.
PORT ?= 5000
python := .venv/bin/python
runtime := .venv/runtime.stamp
dev := .venv/dev.stamp
compile := UV_CUSTOM_COMPILE_COMMAND="make lock" $(python) -m uv pip compile pyproject.toml --quiet \
	--generate-hashes --universal --python-version 3.11

.PHONY: help run test check bench soak lock
.NOTPARALLEL:

help:
	@echo 'make run     start the application on http://127.0.0.1:$(PORT) (PORT=, DATABASE_URL=, WEB_CONCURRENCY=)'
	@echo 'make test    every check and every test'
	@echo 'make check   the fast part of it'
	@echo 'make bench   measure (BENCH_ARGS=)'
	@echo 'make soak    run for long under load (SOAK_ARGS=)'
	@echo 'make lock    renew the lock files (LOCK_ARGS=--upgrade)'

run: $(runtime)
	@$(python) -m flask --app app setup
	@exec $(python) -m creditapp.jobs.supervise --port $(PORT) \
		$(if $(WEB_CONCURRENCY),--processes $(WEB_CONCURRENCY))

test: $(dev)
	@.ci/system-packages
	@.ci/lanes

check: $(dev)
	@.ci/lanes check fast

bench: $(dev)
	@$(python) -m bench $(BENCH_ARGS)

soak: $(dev)
	@$(python) -m bench.soak $(SOAK_ARGS)

lock: $(runtime)
	@$(python) -m uv --version >/dev/null 2>&1 || $(python) -m pip install --quiet --disable-pip-version-check uv
	$(compile) $(LOCK_ARGS) --extra postgres --extra prod --extra stripe --extra pdf --output-file requirements.lock
	$(compile) $(LOCK_ARGS) --extra dev --output-file requirements-dev.lock

$(runtime): requirements.lock
	@.ci/venv $<
	@touch $@

# The development lock holds the run-time one.
$(dev): requirements-dev.lock
	@.ci/venv $<
	@touch $@ $(runtime)
