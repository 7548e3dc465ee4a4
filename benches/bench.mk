# `make bench`: one program for each library, and benches/bench.py, which runs them in turns.

BENCH_OUT := $(TARGET)/bench
PEERS := benches/peers
CERTS := $(BENCH_OUT)/certs

# Besides Rust, a C compiler and Python.
QUICK_NEEDS := openssl/ssl.h:libssl-dev
NEEDS := $(QUICK_NEEDS) gnutls/gnutls.h:libgnutls28-dev perl:perl cmake:cmake c++:g++ \
	valgrind:valgrind strace:strace

PEER_NAMES := tlsmith openssl-system openssl boringssl aws-lc gnutls rustls rustls-ffi
QUICK_NAMES := tlsmith openssl-system

HARNESS := $(addprefix $(PEERS)/,harness.c main.c memory.c network.c)
HARNESS_HEADERS := $(addprefix $(PEERS)/,harness.h peer.h)
OPENSSL_API := $(PEERS)/openssl.c $(PEERS)/openssl_certificates.c

# Each library's file, and the flags to compile and link its program.
peer_tlsmith := $(PEERS)/tlsmith.c
flags_tlsmith := -L$(OUT) -ltlsmith -Wl,-rpath,'$$ORIGIN/../c'
needs_tlsmith := $(OUT)/libtlsmith.so

peer_openssl-system := $(OPENSSL_API)
flags_openssl-system := -lssl -lcrypto

peer_openssl := $(OPENSSL_API)
flags_openssl := -I$(BENCH_OUT)/openssl/include -L$(BENCH_OUT)/openssl/lib -lssl -lcrypto -ldl
needs_openssl := $(BENCH_OUT)/openssl/lib/libssl.a

peer_boringssl := $(OPENSSL_API)
flags_boringssl := -I$(BENCH_OUT)/boringssl/include -L$(BENCH_OUT)/boringssl/lib -lssl -lcrypto -lstdc++
needs_boringssl := $(BENCH_OUT)/boringssl/lib/libssl.a

peer_aws-lc := $(OPENSSL_API)
flags_aws-lc := -I$(BENCH_OUT)/aws-lc/include -L$(BENCH_OUT)/aws-lc/lib -lssl -lcrypto -lstdc++
needs_aws-lc := $(BENCH_OUT)/aws-lc/lib/libssl.a

peer_gnutls := $(PEERS)/gnutls.c
flags_gnutls := -lgnutls

RUST_PEERS := $(BENCH_OUT)/cargo/release
rustls_version = $(shell sed -n '/^name = "rustls"$$/{n;s/.*"\(.*\)"/\1/p}' $(PEERS)/Cargo.lock)

peer_rustls := $(PEERS)/rustls.c
flags_rustls = -DRUSTLS_VERSION='"$(rustls_version)"' $(RUST_PEERS)/libbench_rustls.a $(SYSTEM_LIBS)
needs_rustls := $(RUST_PEERS)/libbench_rustls.a

peer_rustls-ffi := $(PEERS)/rustls_ffi.c
flags_rustls-ffi := -I$(BENCH_OUT)/rustls-ffi/include $(RUST_PEERS)/libbench_rustls_ffi.a $(SYSTEM_LIBS)
needs_rustls-ffi := $(RUST_PEERS)/libbench_rustls_ffi.a $(BENCH_OUT)/rustls-ffi/include/rustls.h

.SECONDEXPANSION:
$(addprefix $(BENCH_OUT)/bench-,$(PEER_NAMES)): $(BENCH_OUT)/bench-%: $$(peer_$$*) $(HARNESS) \
		$(HARNESS_HEADERS) $$(needs_$$*)
	@mkdir -p $(BENCH_OUT)
	@echo '  compile  $@'
	@$(CC) $(CFLAGS) $(peer_$*) $(HARNESS) -o $@ $(flags_$*) -lpthread

$(BENCH_OUT)/openssl/lib/libssl.a $(BENCH_OUT)/boringssl/lib/libssl.a $(BENCH_OUT)/aws-lc/lib/libssl.a: \
		$(BENCH_OUT)/%/lib/libssl.a: $(PEERS)/build.sh $(PEERS)/Cargo.lock
	@echo '  build    $* (once: some minutes)'
	@CARGO='$(CARGO)' PYTHON='$(PYTHON)' sh $(PEERS)/build.sh $* $(BENCH_OUT)/$*

$(BENCH_OUT)/rustls-ffi/include/rustls.h: $(PEERS)/build.sh $(PEERS)/Cargo.lock
	@CARGO='$(CARGO)' PYTHON='$(PYTHON)' sh $(PEERS)/build.sh rustls-ffi $(BENCH_OUT)/rustls-ffi

$(RUST_PEERS)/libbench_rustls.a $(RUST_PEERS)/libbench_rustls_ffi.a &: $(PEERS)/Cargo.lock \
		$(wildcard $(PEERS)/rustls*/src/lib.rs)
	$(CARGO) build --locked --release --manifest-path $(PEERS)/Cargo.toml \
		--target-dir $(BENCH_OUT)/cargo -p bench-rustls -p bench-rustls-ffi
	@touch $(RUST_PEERS)/libbench_rustls.a $(RUST_PEERS)/libbench_rustls_ffi.a

$(CERTS)/ca.pem: benches/certs.c $(OUT)/libtlsmith.so
	@mkdir -p $(CERTS)
	@$(CC) $(CFLAGS) $< -o $(BENCH_OUT)/make-certs -L$(OUT) -ltlsmith -Wl,-rpath,'$$ORIGIN/../c'
	@$(BENCH_OUT)/make-certs $(CERTS)

.PHONY: bench-needs bench-quick-needs
bench-needs:
	@CC='$(CC)' sh benches/needs.sh $(NEEDS)
bench-quick-needs:
	@CC='$(CC)' sh benches/needs.sh $(QUICK_NEEDS)

# BENCH=--check fails if a required ratio is missed.
bench: bench-needs $(addprefix $(BENCH_OUT)/bench-,$(PEER_NAMES)) $(CERTS)/ca.pem
	$(PYTHON) benches/bench.py --results benches/RESULTS.md $(BENCH)

# Compares only tlsmith and the system's OpenSSL.
bench-quick: bench-quick-needs $(addprefix $(BENCH_OUT)/bench-,$(QUICK_NAMES)) $(CERTS)/ca.pem
	$(PYTHON) benches/bench.py --quick $(BENCH)
