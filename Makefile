# What a machine needs: Go, make and git. Whatever else a target needs it
# installs, or names. .ci/run is "make check" and nothing more.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The linter is built from source, pinned in tools/go.mod, once per version of
# it and of Go: about three minutes on two cores.
LINTER_VERSION := $(shell sed -n 's|^\tgithub.com/golangci/golangci-lint/v2 \(v[^ ]*\).*|\1|p' tools/go.mod)
LINTER := .bin/golangci-lint-$(LINTER_VERSION)-$(shell go env GOVERSION)

FUZZTIME ?= 10s

.PHONY: help
help: ## show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the program into .bin/farrier
	@mkdir -p .bin
	go build -trimpath -o .bin/farrier ./cmd/farrier

.PHONY: run
run: build ## build and run the demo: gateway, console and a sample API to attack
	@.bin/farrier demo

.PHONY: test
test: ## run all tests; says which are skipped for want of a program
	go test ./...
	@missing=""; \
	command -v chromium chromium-browser google-chrome >/dev/null || missing="$$missing chromium"; \
	for program in redis-server slapd apache2 node npm xmllint openssl; do \
	  PATH="$$PATH:/usr/sbin" command -v $$program >/dev/null || missing="$$missing $$program"; \
	done; \
	command -v initdb /usr/lib/postgresql/*/bin/initdb >/dev/null || missing="$$missing postgresql"; \
	if [[ -n "$$missing" ]]; then \
	  echo "skipped: the tests that start$$missing (make check installs them when it is root)"; \
	fi

.PHONY: bench
bench: ## compare with httputil.ReverseProxy and nginx (where it is installed), detection with Coraza, each policy with an empty one; and compile 500 APIs
	@command -v nginx >/dev/null || echo "nginx is not installed: the comparison goes without it"
	go run ./bench
	go test ./internal/detect -run '^(TestCost|TestWorstCase)$$' -cost 3 -v
	go test ./internal/policy/catalogue -run '^(TestCost|TestLongIPLists)$$' -cost 5 -v
	go test ./internal/router -run '^TestScale' -scale 500 -v

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@count=0; \
	while IFS=: read -r file line; do \
	  target=$$(sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/' <<<"$$line"); \
	  echo "== $$(dirname "$$file") $$target"; \
	  go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null; \
	  count=$$((count+1)); \
	done < <(git ls-files -z -co --exclude-standard -- '*_test.go' | xargs -0 grep -H '^func Fuzz'); \
	echo "fuzzed $$count targets"; \
	test "$$count" -gt 0

.PHONY: generate
generate: ## write all generated files anew: schemas, pages of policies, the map of the house, the changelog
	go generate -skip docgen ./...
	go generate -run docgen ./internal/policy/catalogue

.PHONY: format
format: $(LINTER) ## format the code as check wants it
	$(LINTER) fmt

# --- what CI runs -----------------------------------------------------------

STEPS := format vet lint tidy generated tools race test

.PHONY: check
check: machine $(LINTER) ## all that CI runs, with the time that each step took
	@failed=""; report=""; \
	for step in $(STEPS); do \
	  echo "== $$step"; start=$$SECONDS; result=passed; \
	  $(MAKE) check-$$step || { result=FAILED; failed="$$failed $$step"; }; \
	  report+=$$(printf '%-10s %5ds  %s' "$$step" $$((SECONDS-start)) "$$result")$$'\n'; \
	done; \
	printf '== the steps of check\n%stotal      %5ds\n' "$$report" "$$SECONDS"; \
	if [[ -n "$$failed" ]]; then echo "check failed:$$failed" >&2; exit 1; fi

.PHONY: check-format
check-format: $(LINTER)
	@$(LINTER) fmt --diff || { echo "make format mends this" >&2; exit 1; }

.PHONY: check-vet
check-vet:
	go vet ./...

.PHONY: check-lint
check-lint: $(LINTER)
	$(LINTER) run ./...
	cd tools && ../$(LINTER) run --config ../.golangci.yml ./...

.PHONY: check-tidy
check-tidy:
	go mod tidy -diff

# Compares the files with themselves, before and after, so that work which is
# not committed yet neither hides a stale file nor counts as one.
.PHONY: check-generated
check-generated:
	@sums() { git ls-files -z -co --exclude-standard | sort -zu | xargs -0 sha256sum 2>/dev/null || true; }; \
	before=$$(sums); $(MAKE) generate; after=$$(sums); test -n "$$before"; \
	stale=$$({ diff <(echo "$$before") <(echo "$$after") || true; } | sed -n 's/^[<>] [0-9a-f]*  //p' | sort -u); \
	if [[ -n "$$stale" ]]; then \
	  printf 'was not up to date: %s\n' $$stale >&2; echo "commit what make generate writes" >&2; exit 1; \
	fi

.PHONY: check-tools
check-tools:
	go -C tools vet ./...
	go -C tools test ./...

# What many goroutines share while it serves is tested under the race detector;
# whole programs, pure functions and corpora gain nothing from it, and take ten
# times as long. "make race" plays everything under it.
RACED := ./internal/gateway/... ./internal/router/... ./internal/sharedstate/... ./internal/traffic/... \
  ./internal/behaviour/... ./internal/detect/seclang/automaton \
  ./internal/control/publish ./internal/control/exchange ./internal/policy \
  $(addprefix ./internal/policy/,circuitbreaker dosprotection extproc healthcheck httpcaching \
  jwtvalidation ldapauth mcp ratelimit spikecontrol tokenenforcement websocketlimit)
# Of what stands in a database, only the tests that do many things at once.
STORED := $(addprefix ./internal/,access audit posture store secret)
MANY := AtOnce|Once|Many|Concurrent|Rotation|Kill
CORPORA := ^(TestCRS|TestDetectionRate|TestAgreesOnCoreRuleSet)

.PHONY: check-race
check-race:
	go test -vet=off -race -shuffle=on -timeout 25m -skip '$(CORPORA)$$' $(RACED)
	go test -vet=off -race -shuffle=on -timeout 25m -run '$(MANY)' $(STORED)
	go test -vet=off -run '$(CORPORA)$$' ./internal/detect/seclang/automaton

# Those that wait for processes and browsers come first, three at a time: the others
# have the processors meanwhile.
WAITING := ./test ./internal/app ./internal/console ./cmd/farrier ./bench

.PHONY: check-test
check-test:
	go test -vet=off -shuffle=on -timeout 25m -p 3 $$(go list $(WAITING)) \
	  $$(go list ./... | grep -vxFf <(go list $(RACED) $(WAITING)))

.PHONY: race
race: ## run all tests under the race detector: about an hour on two cores
	go test -race -timeout 90m -skip '$(CORPORA)$$' ./...

# The race detector needs a C compiler; the tests start a browser, servers and
# tools of others. As root on Debian they are installed; otherwise they are named.
.PHONY: machine
machine:
	@want=""; \
	command -v gcc >/dev/null || want="$$want gcc libc6-dev"; \
	command -v chromium chromium-browser google-chrome >/dev/null || want="$$want chromium fonts-dejavu-core"; \
	command -v redis-server >/dev/null || want="$$want redis-server"; \
	PATH="$$PATH:/usr/sbin" command -v slapd >/dev/null || want="$$want slapd"; \
	command -v initdb /usr/lib/postgresql/*/bin/initdb >/dev/null || want="$$want postgresql"; \
	PATH="$$PATH:/usr/sbin" command -v apache2 >/dev/null || want="$$want apache2"; \
	test -e /usr/lib/apache2/modules/mod_auth_openidc.so || want="$$want libapache2-mod-auth-openidc"; \
	command -v npm >/dev/null || want="$$want nodejs npm"; \
	command -v xmllint >/dev/null || want="$$want libxml2-utils"; \
	command -v openssl >/dev/null || want="$$want openssl"; \
	if [[ -z "$$want" ]]; then exit 0; fi; \
	if [[ "$$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then \
	  echo "check needs these Debian packages, or their like:$$want" >&2; exit 1; \
	fi; \
	echo "installing$$want"; \
	apt-get update -qq </dev/null; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$want </dev/null >/dev/null

$(LINTER): tools/go.mod
	@mkdir -p .bin
	@echo "building golangci-lint $(LINTER_VERSION), once: about three minutes"
	@rm -f .bin/golangci-lint-*
	go build -C tools -trimpath -o ../$(LINTER) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $(LINTER)
