# make demo     shows a TLS connection from beginning to end
# make test     runs every test
# make test-faults has system calls, links and crowds of clients fail
# make interop  runs tlsmith with other TLS programs, and prints the matrix (make
#               interop-all: with those, too, that take much to install)
# make test-suites has the TLS tests of other packages judge tlsmith.ssl
# make bogo     has BoringSSL's test suite judge the C library
# make tsan     has ThreadSanitizer watch threads that share the C library
# make asan     has AddressSanitizer watch the library itself
# make bench    measures tlsmith against its peers (make bench-quick: against the
#               system's OpenSSL; make bench-python: from Python)
# make wheel    builds the Python package with the C library in it
# make fuzz     feeds hostile records, flights and files, each for FUZZ_SECONDS
# make install  installs the C library (PREFIX, LIBDIR, INCLUDEDIR, DESTDIR)
#
# RECORDS=rustls leaves the records to rustls, in all of these.

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Goes up when, and only when, programs that are linked already would break.
ABI := 0

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

CARGO ?= cargo
CC ?= cc
PYTHON ?= python3
OBJCOPY ?= objcopy

# In a directory of its own: neither build evicts the other.
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
$(error RECORDS is '$(RECORDS)': 'tlsmith' and 'rustls' are what it can be)
endif
OUT := $(TARGET)/c
RUST_LIB := $(TARGET)/release/libtlsmith_c.a
SO := libtlsmith.so.$(VERSION)
VENV := target/venv

# What std needs of the system: rustc --print native-static-libs.  Compilers add their own
# library for unwinding, which has another name in a program that is all static.
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

# Cargo knows best whether there is something to do.
.PHONY: rust-lib
rust-lib:
	$(CARGO) build --locked --release --target-dir $(TARGET) -p tlsmith-c $(FEATURES)

$(RUST_LIB): rust-lib ;

# One object whose only global symbols are ours: it links beside other Rust.
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

# Written anew each time: they depend on the variables of this very call.
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

# With the C library in it, for programs that `tlsmith config` gives the flags for.
# Wheels have no symbolic links: what the linker looks for is a script.
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

# Against the standard library's ssl: BENCH=--quick for less of it.
bench-python: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	$(VENV)/bin/python benches/python.py $(BENCH)

# ---- Tests -----------------------------------------------------------------

test: test-rust test-c test-python test-wheel

test-rust:
	$(CARGO) test --locked --target-dir $(TARGET) -p tlsmith -p tlsmith-c $(FEATURES)

# PROGRAMS="connections volume" runs these two, and nothing else.
test-c: lib $(EXAMPLES)
	@OUT=$(OUT) TEST_CC='$(CC)' sh tests/c/run.sh $(PROGRAMS)

# The tables of tests/python/trust_table ask the C library, too.
test-python: lib $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	OUT=$(OUT) TEST_CC='$(CC)' $(VENV)/bin/python -m pytest -q -n auto tests/python --ignore tests/python/test_wheel.py

# Builds the package twice more, and installs it.
test-wheel: $(VENV)/ready
	$(VENV)/bin/python -m pytest -q tests/python/test_wheel.py

# Each system call fails in turn, packets are lost, thousands of clients come and go.
test-faults: lib $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	OUT=$(OUT) TEST_CC='$(CC)' $(VENV)/bin/python -m pytest -q -n auto tests/faults

# Both roles with each peer: a table of what works, with the reasons where it cannot.
interop: MATRIX := -m "not heavy"
interop interop-all: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps .
	$(VENV)/bin/python -m pytest -q -n auto tests/matrix $(MATRIX)

# With ssl and with tlsmith.ssl, in environments of their own.  SUITES="trio anyio" runs
# these two, and nothing else.
test-suites: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --no-deps --upgrade --target $(TARGET)/suites/package .
	$(PYTHON) tests/suites/run.py --work $(TARGET)/suites --package $(TARGET)/suites/package $(SUITES)

# Its runner is fetched and built once: apt-get install golang-golang-x-crypto-dev
# golang-golang-x-term-dev.  TRANSPORTS=fd is a third of it.
bogo: lib $(VENV)/ready
	@OUT=$(OUT) VENV=$(VENV) TEST_CC='$(CC)' TRANSPORTS='$(TRANSPORTS)' sh tests/bogo/run.sh

# Builds the library once more, instrumented.
tsan:
	@CARGO='$(CARGO)' TEST_CC='$(CC)' sh tests/tsan/run.sh

# The same, with AddressSanitizer.
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
