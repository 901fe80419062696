# datagravity. What a fresh machine needs: Go, Node with npm (for Azurite), make, and a C compiler for the race detector.
# Everything else is fetched or built at pinned versions into .cache, once; but for Slurm, Lua and Chromium, without which their tests say
# that they are skipped: make slurm, make chromium; and for promtool: make promtool.

GO        ?= go
CC        ?= cc
# Shared with internal/emulator, which builds into it.
CACHE     := $(or $(DATAGRAVITY_CACHE),$(CURDIR)/.cache)
# Packages where goroutines share state; the whole tree under -race would take longer than anybody waits.
RACE_PKGS ?= ./internal/netem/... ./pkg/manifest/... ./pkg/store/mem/... ./pkg/store/meter/... ./pkg/store/retry/... \
             ./pkg/store/file/... ./pkg/sync/... ./pkg/dispatch/... ./pkg/daemon/...
# Of one package's tests; Azurite alone takes 8 s to start on a busy machine, and those of integration/ take 5 to 8 minutes.
TEST_TIMEOUT ?= 20m
FUZZTIME  ?= 20s

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT    := $(shell git rev-parse HEAD 2>/dev/null)
# The commit's date, not the build's: the same commit builds the same bytes.
DATE      := $(shell git show -s --format=%cI HEAD 2>/dev/null)
LDFLAGS   := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

# As packages have it: 1.2.3, before it 1.2.3~rc1, after it 1.2.3+4.g0123abc; where there is no tag yet, something older than any version.
PACKAGE_VERSION ?= $(shell echo '$(VERSION)' | sed -E -e '/^v[0-9]+\./!s/^/v0~$(shell git show -s --format=%cd --date=format:%Y%m%d HEAD 2>/dev/null).g/' \
	-e 's/^v//' -e 's/-dirty$$/+dirty/' -e 's/-([0-9]+)-g([0-9a-f]+)/+\1.g\2/' -e 's/-/~/g')
# What goes into packages, manual and archives has this time.
export SOURCE_DATE_EPOCH ?= $(shell git show -s --format=%ct HEAD 2>/dev/null || echo 0)
# Of the packages.
ARCHS     ?= amd64 arm64

export CGO_ENABLED := 0
# For tests and vet too: with it in some builds only, everything would be compiled and cached twice.
# disable_grpc_modules: cloud.google.com/go/storage without what only its gRPC client uses, and this one speaks JSON: 13 MB less
# of a program, and every command starts some 10 ms sooner.
# Not what version control says: LDFLAGS have it, and a build without a checkout must be the same.
export GOFLAGS := $(GOFLAGS) -buildvcs=false -trimpath -tags=disable_grpc_modules

.DEFAULT_GOAL := help
.PHONY: help build demo test test-k8s ci-full vet race lint generated arm64 assets screenshots bench proof soak fuzz man package sbom reproducible vulncheck tools slurm chromium promtool live clean distclean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## the static binary, build/datagravity
	$(GO) build -ldflags '$(LDFLAGS)' -o build/datagravity ./cmd/datagravity

demo: tools ## from empty stores to a ready job, on this machine, in a minute and a half
	$(GO) run ./integration/demo

test: tools vet ## all tests against real servers, then the concurrent packages under the race detector
	$(GO) test -p 2 -timeout $(TEST_TIMEOUT) ./...
	$(GO) test -C integration/peers ./...
	$(GO) test -C kubernetes -short ./...
	@if command -v $(CC) >/dev/null; then $(MAKE) --no-print-directory race; \
	else echo "NOT RUN: the race detector, which needs a C compiler: install gcc, then make race"; fi

# A real API server and Kueue's own manager are built from their modules the first time: some 25 minutes on two cores.
test-k8s: export DATAGRAVITY_REQUIRE_KUBERNETES := 1
test-k8s: ## the tests of kubernetes/ against a real API server, Kueue's manager and a daemon
	@$(GO) run ./internal/emulator/cmd/tools kubernetes kueue
	$(GO) test -C kubernetes -p 1 -count 1 -timeout $(TEST_TIMEOUT) ./...
	$(GO) test -C kubernetes/charttest -count 1 ./...

ci-full: export DATAGRAVITY_REQUIRE_KUBERNETES := 1
ci-full: ## .ci/run with the tests of kubernetes/, whose servers it builds if they are not there
	.ci/run

vet: ## go vet
	$(GO) vet ./...
	$(GO) vet -C integration/peers ./...
	$(GO) vet -C kubernetes ./...

# The race detector is C: the one thing here that needs cgo.
race: export CGO_ENABLED := 1
race: tools ## RACE_PKGS under the race detector
	$(GO) test -race -p 2 -timeout $(TEST_TIMEOUT) $(RACE_PKGS)
	$(GO) test -race -run 'Stream' ./pkg/chunker

lint: ## golangci-lint with the rules of .golangci.yml
	$(GO) run ./internal/emulator/cmd/tools lint
	$(CACHE)/bin/golangci-lint run
	cd integration/peers && $(CACHE)/bin/golangci-lint run
	cd kubernetes && $(CACHE)/bin/golangci-lint run
	cd kubernetes/charttest && $(CACHE)/bin/golangci-lint run

generated: ## fails if generated files are not what their generators write
	$(GO) generate ./pkg/chunker/internal/window ./pkg/chunker/internal/lanes
	$(GO) run ./pkg/config/internal/gendoc
	$(GO) run ./pkg/daemon/internal/genapi
	git diff --exit-code -- pkg/chunker/internal/window pkg/chunker/internal/lanes docs/config.md docs/openapi.json

assets: ## what the dashboard serves of others, by npm at the versions of its lock file; and nothing has changed
	pkg/daemon/dashboard/third_party/fetch.sh
	git diff --exit-code -- pkg/daemon/dashboard/third_party

# A run against the emulators, of some minutes; the pictures are of its pages.
screenshots: tools ## docs/images, from a real browser; needs Chromium
	SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count 1 -timeout $(TEST_TIMEOUT) -run '^TestBrowser$$/^(first|screenshots)' ./pkg/daemon/dashboard

# What is cut on one machine must be found again on any other.
arm64: ARM64_TESTS := Golden|Documented|AnySplit|Agree|Combine|CheckValues|Repeating
arm64: ## the chunker's tests as arm64 code, under qemu-user
	@mkdir -p build
	@for dir in pkg/chunker pkg/chunker/internal/window; do \
		GOARCH=arm64 $(GO) test -c -o build/arm64.test ./$$dir && \
		(cd $$dir && qemu-aarch64 $(CURDIR)/build/arm64.test -test.run '$(ARM64_TESTS)') || exit 1; \
	done

bench: tools ## benchmarks; AREA=name for one area
	$(GO) run ./internal/emulator/cmd/tools rclone
	$(GO) run ./integration/bench $(if $(AREA),-area $(AREA))

# Goes on where it stopped; PROOF_MINUTES=30 for so long, PROOF_KINDS=crash,kill for these alone.
proof: tools ## trials of every promise, resumable: build/proof.json, docs/promises.md
	$(GO) run ./integration/prove $(if $(PROOF_MINUTES),-minutes $(PROOF_MINUTES)) $(if $(PROOF_KINDS),-kinds $(PROOF_KINDS))

SOAK_MINUTES ?= 30

soak: tools ## the daemon for half an hour, or SOAK_MINUTES, under churn and faults: build/soak.md, with a graph
	SOAK_MINUTES=$(SOAK_MINUTES) SOAK_REPORT=$(CURDIR)/build $(GO) test -count 1 -timeout $$(($(SOAK_MINUTES) + 20))m -v -run '^TestSoak$$' ./integration/soak

# A run of the fuzzer takes one target in one package. Making an input of some KiB small, which it does with each that reaches new
# code, would take the whole time.
fuzz: ## every fuzz target for FUZZTIME
	@grep -rHoE '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' cmd pkg internal integration \
	| sed 's|^\(.*\)/[^/]*:func |\1 |' \
	| while read -r dir target; do \
		echo "== $$dir $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "./$$dir" </dev/null || exit 1; \
	done

man: ## manual pages and completions, build/manual
	rm -rf build/manual
	$(GO) run -tags=disable_grpc_modules,manpages ./cmd/datagravity build/manual '$(PACKAGE_VERSION)' $(SOURCE_DATE_EPOCH)

# Static, for Linux, by the same command as build: where that is called on Linux, it makes the same bytes.
.PRECIOUS: build/linux-%/datagravity
build/linux-%/datagravity: .FORCE
	GOOS=linux GOARCH=$* $(GO) build -ldflags '$(LDFLAGS)' -o $@ ./cmd/datagravity

# Licences are looked up in the module cache, which has all of what was just linked; without the network nothing is asked about ourselves.
build/linux-%/sbom.cdx.json: build/linux-%/datagravity
	@GOPROXY=off $(CACHE)/bin/cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp -version '$(PACKAGE_VERSION)' \
		-output $@ $< 2>build/linux-$*/sbom.log || { cat build/linux-$*/sbom.log; exit 1; }

sbom: ## what is in the programs, in CycloneDX: build/linux-*/sbom.cdx.json
	@$(GO) run ./internal/emulator/cmd/tools cyclonedx-gomod
	@$(MAKE) --no-print-directory $(ARCHS:%=build/linux-%/sbom.cdx.json)

# Tested at once: a package that does not install or start is none.
package: sbom man ## deb and rpm for ARCHS, in build, and tests of them
	@$(GO) run ./internal/emulator/cmd/tools nfpm
	rm -f build/*.deb build/*.rpm
	@for arch in $(ARCHS); do for format in deb rpm; do \
		ARCH=$$arch STAGE=build/linux-$$arch VERSION='$(PACKAGE_VERSION)' \
		$(CACHE)/bin/nfpm package -f packaging/nfpm.yaml -p $$format -t build/ || exit 1; \
	done; done
	DATAGRAVITY_PACKAGES=$(CURDIR)/build $(GO) test ./packaging

reproducible: ## fails if another folder, cache and user would build other bytes
	$(GO) run ./internal/reproducible -ldflags '$(LDFLAGS)'

vulncheck: ## known vulnerabilities that the program can reach; VULNDB=pinned or a URL for another database
	$(GO) run ./internal/vulncheck $(if $(VULNDB),-db '$(VULNDB)') ./cmd/...

tools: ## the servers that tests run against; minutes the first time
	@$(GO) run ./internal/emulator/cmd/tools azurite s3 gcs axe

# Without what the packages only recommend, which is a mail server and documentation.
slurm: ## Slurm and Lua from Debian's packages, for the tests of the scheduler's hooks; as root
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge lua5.1 lua5.4

chromium: ## Debian's browser, for the tests of the dashboard; as root
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

# Of Debian's package the one program that the tests need; its server would start with it.
promtool: ## Prometheus's checker of metrics and alerts, into .cache/bin, from Debian's package
	@test -x "$(CACHE)/bin/promtool" || { \
		tmp=$$(mktemp -d) && chmod 755 "$$tmp" && (cd "$$tmp" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb .) && \
		mkdir -p "$(CACHE)/bin" && install -m 755 "$$tmp/usr/bin/promtool" "$(CACHE)/bin/promtool" && rm -rf "$$tmp"; }

live: ## the stores' conformance suite on a bucket of yours: DATAGRAVITY_LIVE_STORE=URL
	@test -n "$$DATAGRAVITY_LIVE_STORE" || { \
		echo "set DATAGRAVITY_LIVE_STORE to the URL of an empty bucket, for example s3://my-bucket?region=us-east-1"; exit 2; }
	@$(GO) test -tags live -list '^TestLive' ./pkg/store/... | grep -q '^TestLive' || { \
		echo "no TestLive in ./pkg/store/... was built: nothing would be tested"; exit 1; }
	$(GO) test -tags live -run '^TestLive' -count 1 -timeout 60m -v ./pkg/store/...

.FORCE:

clean: ## what build made
	rm -rf build

distclean: clean ## also the servers and tools in .cache
	rm -rf "$(CACHE)"
