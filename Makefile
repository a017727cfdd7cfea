# Bare `make` prints the targets.
.DEFAULT_GOAL := help

GO       ?= go
BIN      := $(CURDIR)/bin
DATA     ?= $(abspath $(CURDIR)/../shared/data)
# The same words everywhere, so that what was tested is not tested again.
TEST     := $(GO) test -timeout 20m -vet=off -ldflags=-w
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0

# The packages with goroutines of their own: the race detector runs on these.
CONCURRENT := ./syncs/... ./destinations/... ./internal/store/... ./internal/cli/... ./internal/schedule/... ./internal/jobs/... ./internal/server/... ./internal/modeltests/...

.PHONY: help
help: ## print the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: build
build: ## build the command into bin/
	$(GO) build -o $(BIN)/weir ./cmd/weir

.PHONY: test
test: ## run every test that needs Go and a C compiler, and each warehouse that is present
	$(TEST) $(TESTFLAGS) ./...
	@command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo "not run here: the cases on PostgreSQL (no server found); make test-warehouses needs it"

# Where tests write what a stand-in for a warehouse lacks, for one list at the end.
export WEIR_GAPS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/weir/gaps

.PHONY: test-warehouses
test-warehouses: ## run every test, and the cases of every warehouse; an absent one fails
	.ci/warehouses
	WEIR_WAREHOUSES=all WEIR_REQUIRE=all WEIR_DATA=$(DATA) $(TEST) $(TESTFLAGS) ./...
	@.ci/gaps "$(WEIR_GAPS)"

.PHONY: race
race: ## run the race detector on the concurrent packages
	$(GO) test -race $(CONCURRENT)

.PHONY: lint
lint: ## gofmt, go vet and the linters of .golangci.yml
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(LINT) run

.PHONY: generate
generate: build ## write what is made from the sources: the JSON Schema and the destination reference
	mkdir -p docs/destinations
	$(BIN)/weir schema > docs/schema.json
	rm -f docs/destinations/*.txt
	for t in $$($(BIN)/weir destinations | awk 'NR > 1 && NF >= 4 && $$1 ~ /^[a-z_]+$$/ {print $$1}'); do $(BIN)/weir destinations $$t > docs/destinations/$$t.txt; done

.PHONY: simulate
simulate: ## run the engine under the simulator: every small world, and 20,000 seeds
	WEIR_SIM_SEEDS=20000 WEIR_SIM_TIME=3m WEIR_SIM_WORLDS=all $(GO) test -count=1 -v -run 'TestProtocol|TestFoundSeeds|TestVariants|EverySmallWorld' ./syncs/syncstest

.PHONY: proof
proof: ## the heavy proofs: kills, a million people, benchmarks, fuzzing (about an hour)
	.ci/proof

RECORDS ?= 1000000

.PHONY: bench-identity
bench-identity: ## identity of a million records against a union-find, changed and limited; RECORDS=5000000 for the large one
	WEIR_RECORDS=$(RECORDS) $(GO) test -run '^$$' -bench 'Identity$$|Shapes$$' -benchtime 1x -timeout 2h ./internal/build

EVENTS   ?= 2000000
PEOPLE   ?= 100000
SEGMENTS ?= 100

.PHONY: bench-segments
bench-segments: ## many segments in one scan against one query for each; EVENTS=20000000 PEOPLE=1000000 for the large one
	WEIR_EVENTS=$(EVENTS) WEIR_PEOPLE=$(PEOPLE) WEIR_SEGMENTS=$(SEGMENTS) $(GO) test -run '^$$' -bench 'Segments$$' -benchtime 1x -timeout 2h ./internal/build

.PHONY: bench-stream
bench-stream: ## rows from each warehouse to Go beside the driver's own loop, by CPU time; WEIR_ROWS=5000000 for more
	.ci/warehouses
	$(GO) test -run '^$$' -bench 'Stream$$' -benchtime 1x -v -timeout 1h ./internal/warehouse/...

ROWS    ?= 1000000
CHANGES ?= 100000

.PHONY: bench
bench: build ## delivery beside a bare loop and SQL by hand; ROWS=10000000 CHANGES=1000000 for the full one
	$(BIN)/weir bench --rows $(ROWS) --changes $(CHANGES)

.PHONY: demo
demo: ## the main job on a shop of its own
	$(GO) run ./cmd/weir demo --once
