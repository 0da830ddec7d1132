# `make` without a target lists the targets.
SHELL := /bin/bash
UV := "$$(command -v uv || echo .venv/bin/uv)"
# Recipes use the shell's $$PWD instead of $(CURDIR), which make inserts before the shell sees its spaces and quotes.
PORT ?= 8080
# Each worker has Spark sessions of 2 GB.
TEST_WORKERS ?= 2
# Worlds of `make simulate`.
SEEDS ?= 10000
# Tests that are not part of `make test`, so that it stays below 40 minutes; each has a target of its own.
SEPARATE := every_kill or airflow_scale or bucket_night or cluster or drill or faults or same_events or lake_tables or compose or deployment_files or kubernetes

# Python caches compiled modules, also where the environment forbids it, as images of containers do: each of the many
# processes of Airflow would otherwise compile two thousand modules.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup lock demo up down check audit test bench bench-quick bench-go bench-airflow bench-scale bench-capacity bench-executors bench-gate bench-gate-leakage bench-sources bench-training release test-airflow-scale test-bucket test-drill test-faults test-kills test-sources test-cluster test-compose test-deployment test-kubernetes simulate simulate-mutations test-durations

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install .venv, the tools in .local, and a JRE if there is none
	@scripts/setup.sh

lock: setup ## compile the requirements*.in files into pinned files, with the newest compatible versions
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements.in -o requirements.txt
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements-bench.in -o requirements-bench.txt
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements-celery.in -o requirements-celery.txt
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 requirements-kubernetes.in -o requirements-kubernetes.txt

demo: setup ## run the whole pipeline on generated events, up to a scored session (S3=1 DEMO_ARGS="--days 7")
	@$(if $(S3),scripts/setup.sh s3)
	@.venv/bin/leapline demo $(if $(S3),--s3) $(DEMO_ARGS)

up: setup ## start Airflow's web UI with the nightly schedule, on loopback (PORT=8080)
	@.venv/bin/leapline up --port $(PORT)

down: ## stop what `make up` started
	@.venv/bin/leapline down --port $(PORT)

check: setup ## check format, lint (with Bandit's rules), types, layers, Go vet, staticcheck, secrets in files
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@PYTHONPATH=include .venv/bin/lint-imports
	@PATH="$$PWD/.venv/bin:$$PATH" && cd include/scorer && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./... && go tool -modfile=../tools/audit/go.mod staticcheck ./... && go -C benchmarks vet ./... && cd ../../tests/simulator/linearizability && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./... && go tool -modfile=../../../include/tools/audit/go.mod staticcheck ./...
	@PATH="$$PWD/.venv/bin:$$PATH" && cd include/cleaner && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./... && go tool -modfile=../tools/audit/go.mod staticcheck ./...
	@PATH="$$PWD/.venv/bin:$$PATH" scripts/secrets.sh

audit: setup ## search all commits for secrets, and ask the databases of Go and PyPI for vulnerabilities (needs the internet)
	@PATH="$$PWD/.venv/bin:$$PATH" scripts/secrets.sh history
	@cd include/scorer && go tool -modfile=../tools/audit/go.mod govulncheck ./...
	@cd include/cleaner && go tool -modfile=../tools/audit/go.mod govulncheck ./...
	@$(UV) tool run pip-audit==2.10.1 --no-deps --disable-pip -r requirements.txt

test: check ## run everything that continuous integration runs
	@scripts/setup.sh browser
	@scripts/setup.sh emulator
	@scripts/setup.sh postgres
	@scripts/setup.sh s3
	@PATH="$$PWD/.venv/bin:$$PATH" && go -C include/scorer test ./... && go -C include/cleaner test ./...
	@.venv/bin/pytest -q -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not ($(SEPARATE))"

test-bucket: setup ## run a whole night on a local S3 server and compare it with one in folders, byte for byte (five minutes)
	@scripts/setup.sh s3
	@.venv/bin/pytest -q -m bucket_night

test-drill: setup ## break each stage of a run on a scratch lake and registry, and check that nothing was published (minutes)
	@.venv/bin/pytest -q -m drill

test-faults: setup ## clean a day with a session of a million events (minutes)
	@.venv/bin/pytest -q -m faults

test-kills: setup ## kill each step before every single one of its side effects, and run it again (half an hour)
	@scripts/setup.sh s3
	@.venv/bin/pytest -q -m every_kill --timeout 3600

test-sources: setup ## clean a day from each source of events and compare the results (ten minutes)
	@scripts/setup.sh postgres
	@scripts/setup.sh s3
	@scripts/setup.sh delta
	@scripts/setup.sh iceberg
	@.venv/bin/pytest -q -m "same_events and not lake_tables"
	@.venv/bin/pytest -q -m lake_tables tests/sources

test-cluster: setup ## run a night on a Spark cluster of two hosts, with lost and stalled executors, and compare it with a local one (needs root)
	@scripts/setup.sh s3
	@.venv/bin/pytest -q -m cluster

test-airflow-scale: setup ## run days on Celery and in pods: two schedulers, several workers, logs in S3; one of each is killed
	@scripts/setup.sh executors
	@scripts/setup.sh kubernetes
	@scripts/setup.sh postgres
	@scripts/setup.sh s3
	@scripts/setup.sh redis
	@.venv/bin/pytest -q -m airflow_scale

test-compose: setup ## build the image, start docker-compose.yaml and run nights in it, with restarts of every service (needs Docker and Compose)
	@.venv/bin/pytest -q -m compose

test-deployment: setup ## check the Helm chart and the Terraform files (compiles Helm once, five minutes)
	@scripts/setup.sh helm
	@.venv/bin/pytest -q -m deployment_files

test-kubernetes: setup ## install the chart, deploy, and run Spark's executors with Kubernetes' own API server (compiled once, ten minutes)
	@scripts/setup.sh helm
	@scripts/setup.sh kubernetes
	@.venv/bin/pytest -q -m kubernetes

simulate: setup ## simulate runs over lake, ledger and tags with faults, SEEDS=10000 times (minutes; SEED=17 shows one with its steps)
	@.venv/bin/python -m tests.simulator $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

simulate-mutations: setup ## put each of 29 faults into the code and simulate until one of 1,000 seeds notices it (minutes)
	@.venv/bin/python -m tests.simulator --mutations --seeds 1000

test-durations: setup ## run the Python tests and record how long each file takes, for the order of the next runs
	@.venv/bin/pytest -q -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --record-durations -m "not ($(SEPARATE))"

bench: setup ## run the scoring benchmarks: JSON, table and plot (BENCH_ARGS="--out docs/benchmarks")
	@$(UV) pip install -q --python .venv/bin/python -r requirements-bench.txt
	@.venv/bin/python -m benchmarks.scoring $(BENCH_ARGS)

bench-quick: setup ## compare the processor time of each step with the committed baseline (two minutes; BENCH_ARGS=--renew writes a new one)
	@.venv/bin/python -m benchmarks.quick $(BENCH_ARGS)

bench-go: setup ## the scorer's inflate, protobuf and tree code compared with libraries (BENCH_ARGS="-bench Inflate")
	@cd include/scorer/benchmarks && PATH="$(CURDIR)/.venv/bin:$$PATH" go test -bench . -count 3 $(BENCH_ARGS) .

bench-airflow: setup ## run two days of the demo's size in a real Airflow and report the seconds of each task (five minutes)
	@.venv/bin/python -m benchmarks.airflow_run $(BENCH_ARGS)

bench-scale: setup ## run events to features at 1, 4, ... million events per day (BENCH_ARGS="--events 1000000 23000000 --work FOLDER")
	@$(UV) pip install -q --python .venv/bin/python -r requirements-bench.txt
	@.venv/bin/python -m benchmarks.scale $(BENCH_ARGS)

bench-capacity: setup ## measure every step with lines of 1.7 and 6 kB, and extrapolate to 140 GB, 1.4 and 14 TB a day (40 minutes)
	@$(UV) pip install -q --python .venv/bin/python -r requirements-bench.txt
	@.venv/bin/python -m benchmarks.capacity --measure $(BENCH_ARGS)

bench-training: setup ## measure training and evaluation at 10,000, 100,000 and 1,000,000 examples (ten minutes; BENCH_ARGS="--examples 3000000")
	@$(UV) pip install -q --python .venv/bin/python -r requirements-bench.txt
	@.venv/bin/python -m benchmarks.training $(BENCH_ARGS)

bench-executors: setup ## measure memory and disk of each executor of a cluster at two sizes of the day (15 minutes)
	@$(UV) pip install -q --python .venv/bin/python -r requirements-bench.txt
	@.venv/bin/python -m benchmarks.executors $(BENCH_ARGS)

bench-gate: setup ## simulate how often lucky and declining models pass the gate (eight minutes; BENCH_ARGS="--runs 20")
	@OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.gate_luck $(BENCH_ARGS)

bench-sources: setup ## read a day from a PostgreSQL table and from files of the same lines (BENCH_ARGS="--events 1000000")
	@scripts/setup.sh postgres
	@.venv/bin/python -m benchmarks.sources $(BENCH_ARGS)

bench-gate-leakage: setup ## simulate how often the gate lets models with planted label leakage pass (15 minutes; BENCH_ARGS="--runs 20")
	@.venv/bin/python -m benchmarks.gate_leakage $(BENCH_ARGS)

release: setup ## set the version, close the changelog section, commit and tag (VERSION=0.2.0 DRY_RUN=1)
	@.venv/bin/python -m scripts.release "$(VERSION)" $(if $(DRY_RUN),--dry-run)
