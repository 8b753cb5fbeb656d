# Builds, tests and installs Larder. `make` lists the targets; docs/request-path.md introduces the sources.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Debian keeps nginx and other servers where an ordinary user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=

# systemd reads units below /usr and /usr/local; with any other PREFIX they go to /etc.
SYSTEMD_ROOT  := $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib,/etc)
UNIT_DIR      ?= $(SYSTEMD_ROOT)/systemd/system
SYSUSERS_DIR  ?= $(SYSTEMD_ROOT)/sysusers.d
TMPFILES_DIR  ?= $(SYSTEMD_ROOT)/tmpfiles.d
DOC_DIR       ?= $(PREFIX)/share/doc/larder

# Swift's libraries are linked statically, so that the target machine needs no toolchain.
SWIFT_RELEASE := -c release --static-swift-stdlib --product larder
BINARY        ?= .build/release/larder

# The latest version in CHANGELOG.md.
VERSION := $(shell sed -n 's/^\#\# \[\([0-9][^]]*\)\].*/\1/p' CHANGELOG.md | head -n 1)

# Requirements and their Debian packages: module/ is looked up with pkg-config, command/ in PATH.
BUILD_NEEDS := command/pkg-config:pkg-config module/libevent_core:libevent-dev module/hiredis:libhiredis-dev \
	module/yaml-0.1:libyaml-dev module/zlib:zlib1g-dev module/libzstd:libzstd-dev module/libbrotlienc:libbrotli-dev \
	module/openssl:libssl-dev module/libnghttp2:libnghttp2-dev
TEST_NEEDS  := $(BUILD_NEEDS) command/redis-server:redis-server command/redis-cli:redis-tools command/curl:curl \
	command/wrk:wrk command/python3:python3 command/nginx:nginx command/systemd-analyze:systemd \
	command/strace:strace command/nghttp:nghttp2-client command/h2load:nghttp2-client \
	command/nghttpd:nghttp2-server

# Installs missing packages of the list; silent if none is missing. Services that a package starts are left alone: the
# tests start their own servers on other ports.
define ensure
	@missing=""; \
	for need in $(1); do \
		thing="$${need%%:*}"; package="$${need##*:}"; \
		case "$$thing" in \
			module/*) pkg-config --exists "$${thing#module/}" 2>/dev/null || missing="$$missing $$package" ;; \
			command/*) command -v "$${thing#command/}" >/dev/null || missing="$$missing $$package" ;; \
		esac; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	by_hand="Larder needs$$missing. Install these (Debian's names) and run make again."; \
	command -v apt-get >/dev/null || { echo "$$by_hand" >&2; exit 1; }; \
	as_root=""; \
	if [ "$$(id -u)" -ne 0 ]; then \
		command -v sudo >/dev/null || { echo "$$by_hand As root: apt-get install$$missing" >&2; exit 1; }; \
		as_root=sudo; \
	fi; \
	echo "Installing$$missing"; \
	apt="$$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q"; \
	{ $$apt update && $$apt install -y --no-install-recommends $$missing; } </dev/null \
		|| { echo "apt-get could not install them. $$by_hand" >&2; exit 1; }
endef

define toolchain
	@command -v swift >/dev/null \
		|| { echo "Larder needs Swift 6.3, and \`swift\` is not in PATH: see https://www.swift.org/install" >&2; exit 1; }
endef

.PHONY: help
help: ## List these targets
	@echo "Larder $(VERSION), a caching reverse proxy for APIs. Targets:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name sentence; do \
		printf '  make %-13s %s\n' "$$name" "$$sentence"; \
	done

# --- from the checkout ---------------------------------------------------------------------------------------------

# Said before the build, which takes minutes.
.PHONY: run-arguments
run-arguments:
	@if [ -n "$(UPSTREAM)" ] && [ -n "$(CONFIG)" ]; then \
		echo "UPSTREAM and CONFIG are mutually exclusive: set the upstream in $(CONFIG)." >&2; exit 2; \
	fi; \
	for given in "REDIS=$(REDIS)" "TIMEOUT=$(TIMEOUT)" "LISTEN=$(LISTEN)" "ADMIN=$(ADMIN)"; do \
		name="$${given%%=*}"; \
		[ -n "$${given#*=}" ] || continue; \
		if [ -n "$(CONFIG)" ]; then \
			echo "$$name and CONFIG are mutually exclusive: set it in $(CONFIG)." >&2; exit 2; \
		elif [ -z "$(UPSTREAM)" ] && [ "$$name" != LISTEN ] && [ "$$name" != ADMIN ]; then \
			echo "$$name needs UPSTREAM: make run UPSTREAM=http://127.0.0.1:9000 $$given" >&2; exit 2; \
		fi; \
	done

.PHONY: run
run: run-arguments build ## Build and run the demo; UPSTREAM=http://127.0.0.1:9000 runs in front of that API, CONFIG=path uses that file
	@set -- demo; \
	if [ -n "$(CONFIG)" ]; then set -- serve --config "$(CONFIG)"; fi; \
	if [ -n "$(UPSTREAM)" ]; then \
		set -- serve --upstream "$(UPSTREAM)"; \
		if [ -n "$(TIMEOUT)" ]; then set -- "$$@" --timeout "$(TIMEOUT)"; fi; \
		if [ -n "$(REDIS)" ]; then set -- "$$@" --redis "$(REDIS)"; fi; \
	fi; \
	if [ -n "$(LISTEN)" ]; then set -- "$$@" --listen "$(LISTEN)"; fi; \
	if [ -n "$(ADMIN)" ]; then set -- "$$@" --admin "$(ADMIN)"; fi; \
	exec $(BINARY) "$$@"

.PHONY: build
build: ## Build the release binary, .build/release/larder
	$(call ensure,$(BUILD_NEEDS))
	$(call toolchain)
	swift build $(SWIFT_RELEASE)

# Unit suites run one test at a time; beside them the end-to-end suites, several at a time, for these wait for processes
# much of the time. A runner runs as many tests at once as there are cores, though most of them wait: so there are two of
# those. Swift's own runner comes last, so that its closing line is the last thing printed. Before it: what of the standards
# the tests are about.
END_TO_END  := ^EndToEndTests\.
FIRST_HALF  := ^EndToEndTests\.[A-L]
BUILD_TESTS := swift build --build-tests
RUN_TESTS   := swift test --skip-build --disable-xctest
# The same runner by itself: `swift test` lets no second one run on the same build.
RUN_BUNDLE  := env NO_COLOR=1 .build/debug/larderPackageTests.xctest --testing-library swift-testing

.PHONY: requirements
requirements: ## Install what the build and the tests need
	$(call ensure,$(TEST_NEEDS))
	$(call toolchain)

.PHONY: test
test: ## Install test requirements and run all tests; FILTER=name selects tests by name
	$(call ensure,$(TEST_NEEDS))
	$(call toolchain)
	$(BUILD_TESTS)
ifdef FILTER
	@Tests/Timing/run "Tests of that name" $(RUN_TESTS) --filter "$(FILTER)"
else
	@Tests/Packaging/run
	@Tests/Conformance/count
	@Tests/Timing/run "Unit suites" $(RUN_TESTS) --no-parallel --skip '$(END_TO_END)' \
		--beside "End-to-end suites, A to L" $(RUN_BUNDLE) --filter '$(FIRST_HALF)' \
		--beside "End-to-end suites, M to Z" $(RUN_BUNDLE) --filter '$(END_TO_END)' --skip '$(FIRST_HALF)'
endif

# In a folder of its own under .build, so that it and the debug build leave each other's objects alone; only what this one
# test target needs is built, in a bit more than a minute of processor time from nothing.
ALLOCATIONS := -c release -Xswiftc -enable-testing --scratch-path .build/allocations

.PHONY: allocations
allocations: ## Count heap allocations per kind of HIT in a release build
	$(call ensure,$(BUILD_NEEDS))
	$(call toolchain)
	@SECONDS=0; export LARDER_TEST_TARGET=ProxyServingTests; \
		swift build $(ALLOCATIONS) --product larderPackageTests || exit; \
		echo "The release build of the allocation tests took $$SECONDS s"; \
		swift test --skip-build --disable-xctest $(ALLOCATIONS) --filter AllocationTests

# These download what they need, the first three from PyPI, the fourth a minimal Debian; without a network they are skipped.
.PHONY: test-apps
test-apps: build ## Put FastAPI, Flask, GraphQL, LightAPI and gRPC servers behind Larder; needs PyPI
	$(call ensure,command/python3:python3 command/redis-server:redis-server)
	@Tests/Apps/run "$(BINARY)"

# What can't be installed is named by the checks that are skipped for it.
TLS_NEEDS := command/testssl:testssl.sh command/sslscan:sslscan command/uacme:uacme command/pebble:pebble \
	command/chromium:chromium

.PHONY: test-tls
test-tls: build ## Put TLS and HTTP/2 before scanners, browsers, libraries, ACME and crowds; ARGS="curl h2" names checks; needs PyPI
	$(call ensure,$(TEST_NEEDS))
	-$(call ensure,$(TLS_NEEDS))
	@Tests/TLS/run "$(BINARY)" $(ARGS)

.PHONY: test-redis
test-redis: ## Run the tests that need Redis against Redis 6.2 and Valkey from PyPI; ARGS="--server PATH" names another server
	$(call ensure,$(TEST_NEEDS))
	$(call toolchain)
	$(BUILD_TESTS)
	Tests/Redis/run $(ARGS)

.PHONY: check-service
check-service: build ## Run the Debian package under a real systemd, in a container; needs root and a Debian mirror
	$(call ensure,command/debootstrap:debootstrap command/systemd-nspawn:systemd-container)
	@$(MAKE) --no-print-directory deb >/dev/null
	@Tests/Service/run "$(DEB)"

.PHONY: bench
bench: build ## Compare Larder with nginx, HAProxy, Varnish and h2o, results in docs/bench; ARGS=--quick for a short run
	$(call ensure,$(TEST_NEEDS))
	Tests/Bench/run $(ARGS)

.PHONY: lint
lint: ## Check formatting and source rules
	$(call ensure,command/python3:python3)
	$(call toolchain)
	swift format lint --recursive --strict --parallel --configuration .swift-format Package.swift Sources Tests
	@Tests/Packaging/forbidden
	@Tests/LayeringTests/structure >/dev/null

.PHONY: format
format: ## Format the sources
	$(call toolchain)
	swift format --in-place --recursive --parallel --configuration .swift-format Package.swift Sources Tests

.PHONY: docs
docs: ## Generate docs/configuration.md and the tables in docs/ from what the sources declare
	$(call ensure,$(BUILD_NEEDS))
	$(call toolchain)
	LARDER_WRITE_DOCS=1 swift test --disable-xctest --filter DocumentationTests

# Half of the time is the parser's, the other half is shared by the three stores under a live daemon; HTTP/2, TLS and
# histories of writes have an eighth each more.
.PHONY: fuzz
fuzz: ## Fuzz the HTTP parser, then a live daemon; SECONDS=300 sets the duration
	$(call ensure,$(BUILD_NEEDS) command/redis-server:redis-server command/python3:python3)
	$(call toolchain)
	swift build --product larder
	Tests/Fuzz/run $$(( ($(or $(SECONDS),300) + 1) / 2 ))
	@set -e; for backend in memory redis tiered; do \
		Tests/Fuzz/live --backend $$backend --seconds $$(( ($(or $(SECONDS),300) + 5) / 6 )); \
	done
	Tests/Fuzz/live_http2 --seconds $$(( ($(or $(SECONDS),300) + 7) / 8 ))
	Tests/Fuzz/live_tls --seconds $$(( ($(or $(SECONDS),300) + 7) / 8 ))
	Tests/Fuzz/live_writes --seconds $$(( ($(or $(SECONDS),300) + 7) / 8 ))

.PHONY: fleet
fleet: ## Play histories of three Larders on one Redis, with faults, by a random seed; SECONDS=600 sets the duration, ARGS="--seed 7" the seed
	$(call ensure,$(BUILD_NEEDS) command/redis-server:redis-server command/python3:python3)
	$(call toolchain)
	swift build --product larder
	Tests/Fleet/run --seconds $$(( $(or $(SECONDS),600) * 3 / 4 )) $(ARGS)
	Tests/Fleet/run --backend redis --seconds $$(( $(or $(SECONDS),600) / 4 )) $(ARGS)

# One more debug build, in a folder of its own, of a daemon that can do without a rule of coherence.
.PHONY: fleet-rules
fleet-rules: ## Check that the histories of make fleet notice the absence of each rule on which they rest; takes a build of its own
	$(call ensure,$(BUILD_NEEDS) command/redis-server:redis-server command/python3:python3)
	$(call toolchain)
	swift build --product larder --scratch-path .build/breakable -Xswiftc -DLARDER_BREAKABLE_RULES
	Tests/Fleet/run --without all $(ARGS)

# Under .build, one folder a sanitizer. Reports go into files, because the daemons that tests start write to files that
# are gone when the tests are over, and may be killed with a report behind them: any report is a failure. Leaks and
# threads that are left are none: the daemon leaves its cache, its workers and the resolver to the system at its exit.
.PHONY: sanitize
sanitize: ## Run the tests with the thread and address sanitizers; FILTER=name selects tests by name
	$(call ensure,$(TEST_NEEDS))
	$(call toolchain)
	@set -e; for sanitizer in thread address; do \
		build=".build/$$sanitizer"; reports="$(CURDIR)/$$build/reports"; \
		swift build --build-tests --sanitize=$$sanitizer --scratch-path "$$build"; \
		rm -rf "$$reports"; mkdir -p "$$reports"; \
		result=0; \
		env LARDER_SANITIZER=$$sanitizer TSAN_OPTIONS="report_thread_leaks=0 log_path=$$reports/report" \
			ASAN_OPTIONS="detect_leaks=0 suppressions=$(CURDIR)/Tests/sanitizer-suppressions log_path=$$reports/report" \
			swift test --skip-build --disable-xctest --sanitize=$$sanitizer --scratch-path "$$build" \
			$(if $(FILTER),--filter "$(FILTER)") || result=$$?; \
		if [ -n "$$(ls -A "$$reports")" ]; then cat "$$reports"/* >&2; result=1; fi; \
		[ "$$result" -eq 0 ] || { echo "The tests do not pass under the $$sanitizer sanitizer." >&2; exit 1; }; \
	done

.PHONY: clean
clean: ## Remove all build results
	rm -rf .build

# --- on the machine ------------------------------------------------------------------------------------------------

# In the installed pages, links to the configuration lead to the examples beside them, and what links to sources is plain text.
INSTALLED_LINKS := -e 's,(\]\((\.\./)*)config/examples,\1examples,g' -e 's,(\]\((\.\./)*)config/larder,\1examples/larder,g' \
	-e 's,(\]\((\.\./)*)LICENSE,\1copyright,g' -e 's,\[([^]]*)\]\((\.\./)*(Sources|Tests|systemd)/[^)]*\),\1,g'

# No rebuild of a binary that is there: `sudo make install` need not have the toolchain in root's PATH.
$(BINARY):
	$(MAKE) build

.PHONY: install
install: $(BINARY) ## Install the binary, systemd units and /etc/larder; supports DESTDIR and PREFIX (default /usr/local)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(DOC_DIR)" "$(DESTDIR)$(SYSCONFDIR)/larder" \
		"$(DESTDIR)$(UNIT_DIR)" "$(DESTDIR)$(SYSUSERS_DIR)" "$(DESTDIR)$(TMPFILES_DIR)"
	install -m 755 "$(BINARY)" "$(DESTDIR)$(PREFIX)/bin/larder.new"
	mv -f "$(DESTDIR)$(PREFIX)/bin/larder.new" "$(DESTDIR)$(PREFIX)/bin/larder"
	@set -e; for unit in larder.service larder.socket; do \
		echo "install systemd/$$unit"; \
		sed -e 's|/usr/local/bin/|$(PREFIX)/bin/|g' -e 's|/usr/local/share/doc/larder|$(DOC_DIR)|g' \
			-e 's|/etc/larder|$(SYSCONFDIR)/larder|g' "systemd/$$unit" > "$(DESTDIR)$(UNIT_DIR)/$$unit"; \
		chmod 644 "$(DESTDIR)$(UNIT_DIR)/$$unit"; \
	done
	install -m 644 systemd/larder.sysusers "$(DESTDIR)$(SYSUSERS_DIR)/larder.conf"
	sed -e 's|/etc/larder|$(SYSCONFDIR)/larder|g' systemd/larder.tmpfiles > "$(DESTDIR)$(TMPFILES_DIR)/larder.conf"
	chmod 644 "$(DESTDIR)$(TMPFILES_DIR)/larder.conf"
	@set -e; for page in README.md CONTRIBUTING.md CHANGELOG.md $$(find docs -type f | LC_ALL=C sort); do \
		install -D -m 644 "$$page" "$(DESTDIR)$(DOC_DIR)/$$page"; \
		case "$$page" in *.md) sed -E -i $(INSTALLED_LINKS) "$(DESTDIR)$(DOC_DIR)/$$page" ;; esac; \
	done; \
	echo "install README.md CONTRIBUTING.md CHANGELOG.md docs"
	install -m 644 LICENSE "$(DESTDIR)$(DOC_DIR)/copyright"
	install -d "$(DESTDIR)$(DOC_DIR)/examples/conf.d"
	install -m 644 config/larder.yaml config/examples/*.yaml "$(DESTDIR)$(DOC_DIR)/examples"
	install -m 644 config/examples/conf.d/*.yaml "$(DESTDIR)$(DOC_DIR)/examples/conf.d"
	@set -e; file="$(DESTDIR)$(SYSCONFDIR)/larder/larder.yaml"; \
	if [ ! -e "$$file" ]; then \
		install -m 644 config/larder.yaml "$$file"; \
	elif cmp -s config/larder.yaml "$$file"; then \
		rm -f "$$file.new"; \
	else \
		install -m 644 config/larder.yaml "$$file.new"; \
		echo "$$file was kept; the new version is in $$file.new"; \
	fi
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then \
		if command -v systemd-sysusers >/dev/null; then \
			systemd-sysusers "$(SYSUSERS_DIR)/larder.conf"; \
			systemd-tmpfiles --create "$(TMPFILES_DIR)/larder.conf" || true; \
		else \
			echo "systemd not found: create a user for the daemon, for example with useradd --system larder"; \
		fi; \
		if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi; \
		echo "Next: set your API in $(SYSCONFDIR)/larder/larder.yaml, then run systemctl enable --now larder"; \
	fi

.PHONY: uninstall
uninstall: ## Remove what install created, except /etc/larder and the user
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then \
		systemctl disable --now larder.socket larder.service 2>/dev/null || true; \
	fi
	rm -f "$(DESTDIR)$(PREFIX)/bin/larder" "$(DESTDIR)$(UNIT_DIR)/larder.service" "$(DESTDIR)$(UNIT_DIR)/larder.socket" \
		"$(DESTDIR)$(SYSUSERS_DIR)/larder.conf" "$(DESTDIR)$(TMPFILES_DIR)/larder.conf"
	rm -rf "$(DESTDIR)$(DOC_DIR)"
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	@echo "$(DESTDIR)$(SYSCONFDIR)/larder was kept; remove it by hand if you no longer need it."

ARCHITECTURE = $(shell dpkg --print-architecture)
DEB_TREE    := .build/deb
DEB          = .build/larder_$(VERSION)_$(ARCHITECTURE).deb

.PHONY: deb
deb: $(BINARY) ## Build a Debian package, .build/larder_VERSION_ARCH.deb
	rm -rf "$(DEB_TREE)"
	$(MAKE) --no-print-directory install DESTDIR="$(abspath $(DEB_TREE))" PREFIX=/usr SYSCONFDIR=/etc \
		BINARY="$(BINARY)" >/dev/null
	gzip -9n "$(DEB_TREE)/usr/share/doc/larder/CHANGELOG.md"
	sed -i 's,](CHANGELOG\.md),](CHANGELOG.md.gz),' "$(DEB_TREE)/usr/share/doc/larder/README.md"
	install -d -m 755 "$(DEB_TREE)/DEBIAN"
	sed -e 's|@VERSION@|$(VERSION)|' -e 's|@ARCHITECTURE@|$(ARCHITECTURE)|' \
		-e "s|@INSTALLED_SIZE@|$$(du -sk --exclude=DEBIAN "$(DEB_TREE)" | cut -f1)|" \
		systemd/debian/control.in > "$(DEB_TREE)/DEBIAN/control"
	echo /etc/larder/larder.yaml > "$(DEB_TREE)/DEBIAN/conffiles"
	install -m 755 systemd/debian/postinst systemd/debian/prerm systemd/debian/postrm "$(DEB_TREE)/DEBIAN"
	dpkg-deb --root-owner-group --build "$(DEB_TREE)" "$(DEB)"
	rm -rf "$(DEB_TREE)"
