# make demo     shows a TLS connection from start to end
# make test     runs every test
# make test-faults tests failing system calls, lossy links and thousands of clients
# make interop  tests tlsmith with other TLS programs, and prints a table (make
#               interop-all: also with Java and Chromium, which are large)
# make test-suites runs the TLS tests of other packages on tlsmith.ssl
# make bogo     runs BoringSSL's test suite on the C library
# make tsan     runs threads that share the C library under ThreadSanitizer
# make asan     runs the C programs over a library instrumented with AddressSanitizer
# make bench    compares the speed with other libraries (make bench-quick: with the
#               system's OpenSSL; make bench-python: with Python's ssl)
# make wheel    builds the Python package, which contains the C library
# make fuzz     fuzzes records, flights, files and C calls, each for FUZZ_SECONDS
# make install  installs the C library (PREFIX, LIBDIR, INCLUDEDIR, DESTDIR)
#
# RECORDS=rustls makes all of these use rustls' record layer.

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Increment it only for changes that break programs linked before.
ABI := 0

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

CARGO ?= cargo
CC ?= cc
PYTHON ?= python3
OBJCOPY ?= objcopy

# Each record layer has its own target directory, so that both builds stay cached.
RECORDS ?= tlsmith
ifeq ($(RECORDS),rustls)
TARGET := target/rustls-records
FEATURES := --features rustls-records
export MATURIN_PEP517_ARGS := $(FEATURES)
export CARGO_TARGET_DIR := $(CURDIR)/$(TARGET)
else ifeq ($(RECORDS),tlsmith)
TARGET := target
FEATURES :=
else
$(error RECORDS is '$(RECORDS)': use 'tlsmith' or 'rustls')
endif
OUT := $(TARGET)/c
RUST_LIB := $(TARGET)/release/libtlsmith_c.a
SO := libtlsmith.so.$(VERSION)
VENV := target/venv

# The system libraries that std needs: rustc --print native-static-libs.  Compilers add their
# unwinding library, which has another name in a fully static program.
SYSTEM_LIBS := -lutil -lrt -lpthread -lm -ldl -lc

CFLAGS ?= -O2 -g
CFLAGS += -std=c11 -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -Iinclude

SYMBOLS := $(shell cat tests/c/symbols.txt)
comma := ,

.PHONY: all lib demo bench bench-quick bench-python wheel test bogo tsan asan fuzz test-rust test-c test-python test-wheel test-faults test-suites interop interop-all header fmt lint install uninstall clean

all: lib

# ---- The C library ---------------------------------------------------------

CMAKE_FILES := tlsmith-config.cmake tlsmith-config-version.cmake
FILLED_IN := $(addprefix $(OUT)/,tlsmith.pc $(CMAKE_FILES))

lib: $(OUT)/libtlsmith.so $(OUT)/libtlsmith.a $(FILLED_IN)

# Always run cargo, which knows whether to rebuild.
.PHONY: rust-lib
rust-lib:
	$(CARGO) build --locked --release --target-dir $(TARGET) -p tlsmith-c $(FEATURES)

$(RUST_LIB): rust-lib ;

# One object with only the tlsmith_ symbols global, so that it links with other Rust libraries.
$(OUT)/libtlsmith.a: $(RUST_LIB) tests/c/symbols.txt
	@mkdir -p $(OUT)
	@echo '  archive  $@'
	@$(LD) -r --force-group-allocation $(addprefix -u ,$(SYMBOLS)) $< -o $(OUT)/tlsmith.o
	@$(OBJCOPY) -R .llvmbc -R .llvmcmd --wildcard --keep-global-symbol='tlsmith_*' \
		--strip-debug $(OUT)/tlsmith.o
	@rm -f $@
	@$(AR) rcs $@ $(OUT)/tlsmith.o
	@rm -f $(OUT)/tlsmith.o

# nodelete: std keeps thread-local destructors that must outlive dlclose().
$(OUT)/libtlsmith.so: $(RUST_LIB) packaging/tlsmith.map tests/c/symbols.txt
	@mkdir -p $(OUT)
	@echo '  link     $(OUT)/$(SO)'
	@$(CC) -shared -o $(OUT)/$(SO) $(addprefix -Wl$(comma)-u$(comma),$(SYMBOLS)) $< \
		-Wl,-soname,libtlsmith.so.$(ABI),--version-script=packaging/tlsmith.map \
		-Wl,--gc-sections,-z,nodelete,-z,relro,-z,now,--strip-all \
		$(LDFLAGS) $(SYSTEM_LIBS)
	@ln -sf $(SO) $(OUT)/libtlsmith.so.$(ABI)
	@ln -sf libtlsmith.so.$(ABI) $@

# Always rewritten, since they depend on the variables of this call.
.PHONY: $(FILLED_IN)
$(FILLED_IN): $(OUT)/%: packaging/%.in
	@mkdir -p $(OUT)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@SYSTEM_LIBS@|$(SYSTEM_LIBS)|' $< >$@

install: lib
	install -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(LIBDIR)/cmake/tlsmith
	install -m 644 include/tlsmith.h $(DESTDIR)$(INCLUDEDIR)
	install -m 755 $(OUT)/$(SO) $(DESTDIR)$(LIBDIR)
	ln -sf $(SO) $(DESTDIR)$(LIBDIR)/libtlsmith.so.$(ABI)
	ln -sf libtlsmith.so.$(ABI) $(DESTDIR)$(LIBDIR)/libtlsmith.so
	install -m 644 $(OUT)/libtlsmith.a $(DESTDIR)$(LIBDIR)
	install -m 644 $(OUT)/tlsmith.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 $(addprefix $(OUT)/,$(CMAKE_FILES)) $(DESTDIR)$(LIBDIR)/cmake/tlsmith

uninstall:
	rm -f $(DESTDIR)$(INCLUDEDIR)/tlsmith.h $(DESTDIR)$(LIBDIR)/$(SO) \
		$(DESTDIR)$(LIBDIR)/libtlsmith.so.$(ABI) $(DESTDIR)$(LIBDIR)/libtlsmith.so \
		$(DESTDIR)$(LIBDIR)/libtlsmith.a $(DESTDIR)$(LIBDIR)/pkgconfig/tlsmith.pc \
		$(addprefix $(DESTDIR)$(LIBDIR)/cmake/tlsmith/,$(CMAKE_FILES))
	rmdir $(DESTDIR)$(LIBDIR)/cmake/tlsmith 2>/dev/null || true

header:
	TLSMITH_WRITE_HEADER=1 $(CARGO) test --locked -p tlsmith-c --test header

# ---- The wheel -------------------------------------------------------------

# The wheel contains the C library; `tlsmith config` prints the flags for it.  Wheels cannot
# contain symbolic links, so libtlsmith.so is a linker script.
STAGE := python/tlsmith
WHEELS := $(OUT)/wheels

wheel: lib $(VENV)/ready
	@rm -rf $(STAGE)/lib $(STAGE)/include $(WHEELS)
	@install -d $(STAGE)/include $(STAGE)/lib/pkgconfig $(STAGE)/lib/cmake/tlsmith
	@install -m 644 include/tlsmith.h $(STAGE)/include
	@install -m 755 $(OUT)/$(SO) $(STAGE)/lib/libtlsmith.so.$(ABI)
	@echo 'INPUT(libtlsmith.so.$(ABI))' >$(STAGE)/lib/libtlsmith.so
	@install -m 644 $(addprefix $(OUT)/,$(CMAKE_FILES)) $(STAGE)/lib/cmake/tlsmith
	@sed -e 's|@PREFIX@|$${pcfiledir}/../..|' -e 's|@LIBDIR@|$${prefix}/lib|' \
		-e 's|@INCLUDEDIR@|$${prefix}/include|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@SYSTEM_LIBS@|$(SYSTEM_LIBS)|' -e 's|^Libs:.*|& -Wl,-rpath,$${libdir}|' \
		packaging/tlsmith.pc.in >$(STAGE)/lib/pkgconfig/tlsmith.pc
	$(VENV)/bin/pip wheel --quiet --no-deps --wheel-dir $(WHEELS) .
	@rm -rf $(STAGE)/lib $(STAGE)/include
	@ls $(WHEELS)

# ---- Programs --------------------------------------------------------------

EXAMPLES := $(patsubst examples/c/%.c,$(OUT)/%,$(wildcard examples/c/*.c))

$(EXAMPLES): $(OUT)/%: examples/c/%.c $(OUT)/libtlsmith.so include/tlsmith.h
	@echo '  compile  $@'
	@$(CC) $(CFLAGS) $< -o $@ -L$(OUT) -ltlsmith -Wl,-rpath,'$$ORIGIN'

demo: $(EXAMPLES)
	@OUT=$(OUT) sh examples/demo.sh

include benches/bench.mk

# Compares with the standard library's ssl.  BENCH=--quick measures less.
bench-python: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	$(VENV)/bin/python benches/python.py $(BENCH)

# ---- Tests -----------------------------------------------------------------

test: test-rust test-c test-python test-wheel

test-rust:
	$(CARGO) test --locked --target-dir $(TARGET) -p tlsmith -p tlsmith-c $(FEATURES)

# PROGRAMS="connections volume" runs only these two.
test-c: lib $(EXAMPLES)
	@OUT=$(OUT) TEST_CC='$(CC)' sh tests/c/run.sh $(PROGRAMS)

# tests/python/trust_table uses the C library, too.
test-python: lib $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	OUT=$(OUT) TEST_CC='$(CC)' $(VENV)/bin/python -m pytest -q -n auto tests/python --ignore tests/python/test_wheel.py

# Builds the package two more times, and installs it.
test-wheel: $(VENV)/ready
	$(VENV)/bin/python -m pytest -q tests/python/test_wheel.py

# Each system call fails in turn, packets are lost, thousands of clients connect.
test-faults: lib $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	OUT=$(OUT) TEST_CC='$(CC)' $(VENV)/bin/python -m pytest -q -n auto tests/faults

# Both roles with each peer.  Prints a table, with the reason for each failure that is expected.
interop: MATRIX := -m "not heavy"
interop interop-all: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	$(VENV)/bin/python -m pytest -q -n auto tests/matrix $(MATRIX)

# With ssl and with tlsmith.ssl, in separate environments.  SUITES="trio anyio" runs only
# these two.
test-suites: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps --upgrade --target $(TARGET)/suites/package .
	$(PYTHON) tests/suites/run.py --work $(TARGET)/suites --package $(TARGET)/suites/package $(SUITES)

# Downloads and builds BoringSSL's runner once: apt-get install golang-golang-x-crypto-dev
# golang-golang-x-term-dev.  TRANSPORTS=fd runs a third of the tests.
bogo: lib $(VENV)/ready
	@OUT=$(OUT) VENV=$(VENV) TEST_CC='$(CC)' TRANSPORTS='$(TRANSPORTS)' sh tests/bogo/run.sh

# Builds the library again, with ThreadSanitizer.
tsan:
	@CARGO='$(CARGO)' TEST_CC='$(CC)' sh tests/tsan/run.sh

# Builds the library again, with AddressSanitizer.
asan:
	@CARGO='$(CARGO)' TEST_CC='$(CC)' sh tests/asan/run.sh

# Needs a nightly compiler, and: cargo install cargo-fuzz --locked.
FUZZ_SECONDS ?= 60

FUZZ_TARGETS ?= calls records handshake certificate request crl keys names

fuzz:
	@cd tests/fuzz && for target in $(FUZZ_TARGETS); do \
		echo "  fuzz     $$target" && \
		$(CARGO) +nightly fuzz run --fuzz-dir . --target-dir ../../target/fuzz \
			$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; \
	done

$(VENV)/ready: tests/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r $<
	@touch $@

fmt:
	$(CARGO) fmt

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked -p tlsmith-c --all-targets --features rustls-records -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items -p tlsmith

clean:
	$(CARGO) clean
