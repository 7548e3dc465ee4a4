/* What calls do with arguments that are wrong, in every way we could think of. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* NULL as the compiler cannot see it: where it can, it refuses to build. */
static void *volatile nothing;

static void null_is_rejected_everywhere(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	char buf[8];
	size_t len = 1;

	tlsmith_ctx_free(NULL);
	tlsmith_conn_free(NULL);
	tlsmith_identity_free(NULL);
	CHECK(tlsmith_conn_new(NULL) == NULL);
	CHECK(strcmp(tlsmith_last_error(), "ctx is NULL") == 0);
	CHECK(strcmp(tlsmith_ctx_error(NULL), "") == 0);
	CHECK(tlsmith_ctx_add_roots(NULL, "x") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_roots_mem(NULL, "x", 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_system_roots(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_bundled_roots(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_use(NULL, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_use_cert(NULL, "a", "b") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_alpn(NULL, "h2") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_client_auth(NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_versions(NULL, 0x0303, 0x0304) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_allow_common_name(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_insecure_no_name(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_insecure_no_verify(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_insecure_allow_truncation(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_insecure_allow_unverified_clients(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_timeout(NULL, 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_handshake_timeout(NULL, 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_connect(NULL, "a", "1") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_connect(c, NULL, "1") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_connect(c, "a", NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_connect_fd(NULL, 0, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_listen(NULL, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_accept(NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_accept_fd(NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_handshake(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_read(NULL, buf, sizeof buf) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_write(NULL, "x", 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_flush(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_shutdown(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_events(NULL) == 0);
	CHECK(tlsmith_conn_pending(NULL) == 0);
	CHECK(tlsmith_conn_fd(NULL) == -1);
	CHECK(strcmp(tlsmith_conn_error(NULL), "conn is NULL") == 0);
	CHECK(tlsmith_conn_errno(NULL) == 0);
	CHECK(tlsmith_conn_alert(NULL) == -1);
	CHECK(tlsmith_conn_version(NULL) == 0);
	CHECK(!tlsmith_conn_resumed(NULL));
	CHECK(!tlsmith_conn_hello_retried(NULL));
	CHECK(strcmp(tlsmith_conn_cipher(NULL), "") == 0);
	CHECK(strcmp(tlsmith_conn_group(NULL), "") == 0);
	CHECK(strcmp(tlsmith_conn_alpn(NULL), "") == 0);
	CHECK(strcmp(tlsmith_conn_signature(NULL), "") == 0);
	CHECK(strcmp(tlsmith_conn_server_name(NULL), "") == 0);
	CHECK(tlsmith_conn_peer_cert(NULL, 0) == NULL);
	CHECK(tlsmith_conn_verified_cert(NULL, 0) == NULL);
	CHECK(tlsmith_conn_verify_status(NULL) == TLSMITH_ERR_ARG);
	CHECK(strcmp(tlsmith_conn_verify_error(NULL), "conn is NULL") == 0);
	CHECK(strcmp(tlsmith_cert_subject(NULL), "") == 0);
	CHECK(strcmp(tlsmith_cert_issuer(NULL), "") == 0);
	CHECK(tlsmith_cert_name(NULL, 0, NULL) == NULL);
	CHECK(strcmp(tlsmith_cert_serial(NULL), "") == 0);
	CHECK(tlsmith_cert_not_before(NULL) == 0);
	CHECK(tlsmith_cert_not_after(NULL) == 0);
	CHECK(!tlsmith_cert_is_ca(NULL));
	CHECK(strcmp(tlsmith_cert_key_type(NULL), "") == 0);
	CHECK(strcmp(tlsmith_cert_signature_type(NULL), "") == 0);
	CHECK(strcmp(tlsmith_cert_sha256(NULL), "") == 0);
	CHECK(strcmp(tlsmith_cert_spki_sha256(NULL), "") == 0);
	CHECK(tlsmith_cert_der(NULL, &len) == NULL && len == 0);
	CHECK(tlsmith_cert_der(NULL, NULL) == NULL);
	CHECK(strcmp(tlsmith_cert_pem(NULL), "") == 0);
	CHECK(strcmp(tlsmith_cert_text(NULL), "") == 0);
	CHECK(tlsmith_issue_cert(NULL, "a", NULL) == NULL);
	CHECK(tlsmith_self_signed(NULL, NULL) == NULL);
	CHECK(tlsmith_identity_load(NULL, NULL, NULL) == NULL);
	CHECK(tlsmith_identity_load_mem(nothing, 5, NULL, 0, NULL) == NULL);
	CHECK(tlsmith_identity_save(NULL, "a", "b", NULL) == TLSMITH_ERR_ARG);
	CHECK(strcmp(tlsmith_identity_cert_pem(NULL), "") == 0);
	CHECK(strcmp(tlsmith_identity_key_pem(NULL), "") == 0);
	CHECK(tlsmith_identity_cert(NULL, 0) == NULL);
	CHECK(!tlsmith_has(NULL));
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
}

static void null_is_refused_for_certificates(void)
{
	tlsmith_identity *ca = tlsmith_gen_ca(NULL);
	tlsmith_csr *csr = tlsmith_gen_csr("localhost", NULL);
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	tlsmith_csr_free(NULL);
	CHECK_NONE(load_encrypted(NULL, "k", "p"), TLSMITH_ERR_ARG,
	    "cert_file is NULL");
	CHECK_NONE(load_encrypted_mem(nothing, 1, "p"), TLSMITH_ERR_ARG, "cert is NULL");
	tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;
	opt.flags = TLSMITH_LOAD_INSECURE_NO_MAC;
	CHECK_NONE(tlsmith_identity_load("c", "k", &opt), TLSMITH_ERR_ARG, "key_file must be NULL");
	CHECK_NONE(tlsmith_identity_load_mem("c", 1, "k", 1, &opt), TLSMITH_ERR_ARG,
	    "key must be NULL");
	opt.flags = 2;
	CHECK_NONE(tlsmith_identity_load("c", NULL, &opt), TLSMITH_ERR_UNSUPPORTED, "flags");
	CHECK_NONE(tlsmith_identity_load_chain(NULL), TLSMITH_ERR_ARG, "cert_file is NULL");
	CHECK_NONE(tlsmith_identity_load_chain("/nonexistent.pem"), TLSMITH_ERR_FILE,
	    "/nonexistent.pem");
	CHECK_NONE(tlsmith_identity_load_chain_mem(nothing, 1), TLSMITH_ERR_ARG, "pem is NULL");
	CHECK_FAILS(tlsmith_identity_save(NULL, "c", "k", "p"), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "id is NULL");
	CHECK_FAILS(tlsmith_identity_save_p12(NULL, "f", "n", "p", 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "id is NULL");
	CHECK_FAILS(tlsmith_identity_save_p12(ca, NULL, "n", "p", 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "file is NULL");
	CHECK_FAILS(tlsmith_identity_save_p12(ca, "f", "n", NULL, 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "password is NULL");
	CHECK_FAILS(tlsmith_identity_save_p12(ca, "f", "n", NULL, TLSMITH_P12_LEGACY), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "password is NULL");
	CHECK_FAILS(tlsmith_identity_save_p12(ca, "f", "n", "p", 2), TLSMITH_ERR_UNSUPPORTED,
	    tlsmith_last_error(), "flags");
	CHECK_NONE(tlsmith_gen_csr(NULL, NULL), TLSMITH_ERR_ARG, "at least one name");
	CHECK_NONE(tlsmith_csr_load(NULL), TLSMITH_ERR_ARG, "file is NULL");
	CHECK_NONE(tlsmith_csr_load_mem(nothing, 1), TLSMITH_ERR_ARG, "pem is NULL");
	CHECK_FAILS(tlsmith_csr_save(NULL, "r", "k", NULL), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "csr is NULL");
	CHECK_FAILS(tlsmith_csr_save(csr, NULL, NULL, NULL), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "nothing to save");
	CHECK_FAILS(tlsmith_csr_save(NULL, "r", "k", "p"), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "csr is NULL");
	CHECK_TEXT(tlsmith_csr_pem(NULL), "");
	CHECK_TEXT(tlsmith_csr_subject(NULL), "");
	CHECK(tlsmith_csr_name(NULL, 0, NULL) == NULL);
	CHECK_TEXT(tlsmith_csr_key_type(NULL), "");
	CHECK_TEXT(tlsmith_csr_text(NULL), "");
	CHECK_NONE(tlsmith_sign_csr(NULL, csr, NULL), TLSMITH_ERR_ARG, "ca is NULL");
	CHECK_NONE(tlsmith_sign_csr(ca, NULL, NULL), TLSMITH_ERR_ARG, "csr is NULL");
	CHECK_NONE(tlsmith_gen_crl(NULL, "01", 0), TLSMITH_ERR_ARG, "ca is NULL");
	CHECK(tlsmith_ctx_add_crl(NULL, "f") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_crl_mem(NULL, "x", 1) == TLSMITH_ERR_ARG);
	CHECK_FAILS(tlsmith_ctx_verify(NULL, ca, NULL, NULL, 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "ctx is NULL");
	CHECK_FAILS(tlsmith_ctx_verify(ctx, NULL, NULL, NULL, 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "chain is NULL");
	CHECK(tlsmith_ctx_verified_cert(NULL, 0) == NULL);
	CHECK(tlsmith_cert_key_bits(NULL) == 0);
	CHECK(tlsmith_cert_path_len(NULL) == -1);
	CHECK(tlsmith_cert_sct_count(NULL) == 0);
	CHECK_TEXT(tlsmith_cert_key_usage(NULL), "");
	CHECK_TEXT(tlsmith_cert_extended_key_usage(NULL), "");
	CHECK_TEXT(tlsmith_cert_name_constraints(NULL), "");
	CHECK(tlsmith_cert_crl_url(NULL, 0) == NULL);
	CHECK(tlsmith_cert_ocsp_url(NULL, 0) == NULL);
	CHECK_TEXT(tlsmith_cert_sha1(NULL), "");
	tlsmith_ctx_free(ctx);
	tlsmith_csr_free(csr);
	tlsmith_identity_free(ca);
}

static void every_code_has_a_phrase(void)
{
	CHECK(strcmp(tlsmith_strerror(TLSMITH_OK), "success") == 0);
	CHECK(strcmp(tlsmith_strerror(TLSMITH_ERR_CERT_NAME_MISMATCH),
	    "certificate is for another name") == 0);
	CHECK(strcmp(tlsmith_strerror(-9999), "unknown error") == 0);
	CHECK(strcmp(tlsmith_version(), "0.1.0") == 0);
	CHECK(tlsmith_has("pq") && !tlsmith_has("fips") && !tlsmith_has("nonsense"));
	CHECK(tlsmith_has("ed448") && tlsmith_has("ml-dsa") && !tlsmith_has("ed"));
}

static void invalid_settings_are_rejected_permanently(void)
{
	size_t noise_len = 100 << 20;
	char *noise = malloc(noise_len);
	tlsmith_identity *a = tlsmith_self_signed("a.example", NULL);
	tlsmith_identity *b = tlsmith_self_signed("b.example", NULL);

	CHECK(tlsmith_identity_save(a, "a.pem", "a.key", NULL) == 0);
	CHECK(tlsmith_identity_save(b, "b.pem", "b.key", NULL) == 0);
	memset(noise, 0xa5, noise_len);
	close(open("empty.pem", O_CREAT | O_WRONLY, 0644));

	CHECK_SETTER(tlsmith_ctx_add_roots(ctx, NULL), TLSMITH_ERR_ARG, "path is NULL");
	CHECK_SETTER(tlsmith_ctx_add_roots(ctx, "missing.pem"), TLSMITH_ERR_FILE, "missing.pem");
	CHECK_SETTER(tlsmith_ctx_add_roots(ctx, "a.pem/below"), TLSMITH_ERR_FILE, "a.pem/below");
	CHECK_SETTER(tlsmith_ctx_add_roots(ctx, "/proc/self/mem"), TLSMITH_ERR_FILE, "/proc/self/mem");
	CHECK_SETTER(tlsmith_ctx_add_roots(ctx, "empty.pem"), TLSMITH_ERR_PARSE, "0 bytes");
	CHECK_SETTER(tlsmith_ctx_add_roots(ctx, "a.key"), TLSMITH_ERR_PARSE, "a certificate is needed");
	CHECK_SETTER(tlsmith_ctx_add_roots_mem(ctx, "", 0), TLSMITH_ERR_PARSE, "0 bytes");
	CHECK_SETTER(tlsmith_ctx_add_roots_mem(ctx, nothing, 1), TLSMITH_ERR_ARG, "pem is NULL");
	CHECK_SETTER(tlsmith_ctx_add_roots_mem(ctx, noise, noise_len), TLSMITH_ERR_PARSE,
	    "contains no certificate");
	CHECK_SETTER(tlsmith_ctx_use(ctx, NULL), TLSMITH_ERR_ARG, "id is NULL");
	CHECK_SETTER(tlsmith_ctx_use_cert(ctx, "a.pem", "b.key"), TLSMITH_ERR_KEY_MISMATCH,
	    "does not belong");
	CHECK_SETTER(tlsmith_ctx_use_cert(ctx, "a.pem", "."), TLSMITH_ERR_FILE, "directory");
	CHECK_SETTER(tlsmith_ctx_use_cert(ctx, "a.pem", NULL), TLSMITH_ERR_PARSE,
	    "a private key is needed");
	CHECK_SETTER(tlsmith_ctx_set_alpn(ctx, ""), TLSMITH_ERR_ARG, "1 to 255");
	CHECK_SETTER(tlsmith_ctx_set_alpn(ctx, "h2,\xff"), TLSMITH_ERR_ARG, "not UTF-8");
	CHECK_SETTER(tlsmith_ctx_set_client_auth(ctx, 7), TLSMITH_ERR_ARG, "7 is not");
	CHECK_SETTER(tlsmith_ctx_set_versions(ctx, 0x0301, 0x0304), TLSMITH_ERR_ARG, "0x0301");
	CHECK_SETTER(tlsmith_ctx_set_versions(ctx, 0x0304, 0x0303), TLSMITH_ERR_ARG, "lowest");

	free(noise);
	tlsmith_identity_free(a);
	tlsmith_identity_free(b);
}

static void invalid_certificates_are_rejected(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *ca = tlsmith_gen_ca(NULL), *site = tlsmith_self_signed("localhost", NULL);
	tlsmith_csr *csr = tlsmith_gen_csr("localhost", NULL);
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	/* No sentence may show a password, not even one that is none. */
	CHECK_NONE(load_encrypted("c", "k", "se\xff" "cret"), TLSMITH_ERR_FILE, "'c'");
	CHECK(strstr(tlsmith_last_error(), "cret") == NULL);
	CHECK_NONE(load_encrypted("missing.pem", "k", "p"), TLSMITH_ERR_FILE,
	    "missing.pem");
	CHECK_NONE(load_encrypted("missing.p12", NULL, "p"), TLSMITH_ERR_FILE, "missing.p12");
	CHECK_NONE(load_encrypted_mem("noise", 5, "p"), TLSMITH_ERR_PARSE, "5 bytes");
	CHECK_NONE(tlsmith_identity_load_chain_mem("", 0), TLSMITH_ERR_PARSE, "0 bytes");
	CHECK_FAILS(tlsmith_identity_save(site, "c", "k", ""), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "password is empty");
	CHECK_FAILS(tlsmith_identity_save(site, NULL, NULL, "p"), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "nothing to save");
	CHECK_FAILS(tlsmith_identity_save_p12(site, "f", NULL, "", 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "password is empty");
	CHECK_FAILS(tlsmith_identity_save_p12(site, "f", "\xff", "p", 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "name is not UTF-8");
	CHECK(access("c", F_OK) != 0 && access("k", F_OK) != 0 && access("f", F_OK) != 0);

	CHECK_NONE(tlsmith_gen_csr("no name", NULL), TLSMITH_ERR_ARG, "'no name'");
	CHECK_NONE(tlsmith_gen_csr("", NULL), TLSMITH_ERR_ARG, "''");
	opt.days = 3;
	CHECK_NONE(tlsmith_gen_csr("localhost", &opt), TLSMITH_ERR_ARG, "validity");
	opt.days = 0;
	opt.flags = TLSMITH_CERT_COPY_EXTENSIONS;
	CHECK_NONE(tlsmith_gen_csr("localhost", &opt), TLSMITH_ERR_ARG, "when it is signed");
	opt.flags = 32;
	CHECK_NONE(tlsmith_gen_csr("localhost", &opt), TLSMITH_ERR_UNSUPPORTED, "0x20");
	CHECK_NONE(tlsmith_csr_load("missing.csr"), TLSMITH_ERR_FILE, "missing.csr");
	CHECK_NONE(tlsmith_csr_load_mem("noise", 5), TLSMITH_ERR_PARSE, "certificate request");
	CHECK_FAILS(tlsmith_csr_save(csr, "no/such/folder", NULL, NULL), TLSMITH_ERR_FILE,
	    tlsmith_last_error(), "no/such/folder");
	opt.flags = 0;
	opt.key_type = "ed25519";
	CHECK_NONE(tlsmith_sign_csr(ca, csr, &opt), TLSMITH_ERR_ARG, "omit the key");
	CHECK_NONE(tlsmith_sign_csr(site, csr, NULL), TLSMITH_ERR_ISSUE, "not a CA");

	CHECK_NONE(tlsmith_gen_crl(ca, "01,", 0), TLSMITH_ERR_ARG, "'' is not a serial number");
	CHECK_NONE(tlsmith_gen_crl(ca, "01=boredom", 0), TLSMITH_ERR_ARG, "'boredom'");
	CHECK_NONE(tlsmith_gen_crl(ca, "\xff", 0), TLSMITH_ERR_ARG, "serials is not UTF-8");
	CHECK_NONE(tlsmith_gen_crl(ca, NULL, 4000000), TLSMITH_ERR_ARG, "9999");
	CHECK_NONE(tlsmith_gen_crl(site, NULL, 0), TLSMITH_ERR_ISSUE, "not a CA");
	CHECK_SETTER(tlsmith_ctx_add_crl(ctx, NULL), TLSMITH_ERR_ARG, "path is NULL");
	CHECK_SETTER(tlsmith_ctx_add_crl(ctx, "missing.crl"), TLSMITH_ERR_FILE, "missing.crl");
	CHECK_SETTER(tlsmith_ctx_add_crl_mem(ctx, nothing, 1), TLSMITH_ERR_ARG, "pem is NULL");
	CHECK_SETTER(tlsmith_ctx_add_crl_mem(ctx, "noise", 5), TLSMITH_ERR_PARSE, "no CRL");

	CHECK_FAILS(tlsmith_ctx_verify(ctx, site, "\xff", NULL, 0), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "name is not UTF-8");
	CHECK_FAILS(tlsmith_ctx_verify(ctx, site, "", NULL, 0), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "''");
	CHECK_FAILS(tlsmith_ctx_verify(ctx, site, NULL, NULL, -1), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "before 1970");
	CHECK_TEXT(tlsmith_ctx_error(ctx), "");
	tlsmith_ctx_free(ctx);
	ctx = tlsmith_ctx_new();
	CHECK(tlsmith_ctx_add_crl(ctx, "missing.crl") == TLSMITH_ERR_FILE);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, site, NULL, NULL, 0), TLSMITH_ERR_FILE,
	    tlsmith_last_error(), "missing.crl");
	tlsmith_ctx_free(ctx);
	tlsmith_csr_free(csr);
	tlsmith_identity_free(site);
	tlsmith_identity_free(ca);
}

static void invalid_addresses_are_rejected(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	char *host = malloc(10001);

	memset(host, 'a', 10000);
	host[10000] = 0;
	CHECK_FAILS(tlsmith_connect(c, "localhost", "https"), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "'https' is not a port");
	CHECK_FAILS(tlsmith_connect(c, "localhost", "65536"), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "1 to 65535");
	CHECK_FAILS(tlsmith_connect(c, host, "443"), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "10000 bytes");
	CHECK_FAILS(tlsmith_connect(c, "", "443"), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "not a host name");
	CHECK_FAILS(tlsmith_connect(c, "name.invalid", "443"), TLSMITH_ERR_RESOLVE,
	    tlsmith_conn_error(c), "name.invalid");
	CHECK_FAILS(tlsmith_listen(NULL, "word"), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "'word' is not a port");
	CHECK_FAILS(tlsmith_conn_set_timeout(c, -2), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "-2");
	CHECK_FAILS(tlsmith_conn_set_handshake_timeout(c, 0), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "0 is not a time limit");
	CHECK_FAILS(tlsmith_conn_set_handshake_timeout(c, -2), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "-2");
	CHECK(tlsmith_conn_set_handshake_timeout(c, 1) == 0);
	CHECK(tlsmith_conn_set_handshake_timeout(c, -1) == 0);
	CHECK_FAILS(tlsmith_handshake(c), TLSMITH_ERR_STATE, tlsmith_conn_error(c),
	    "not connected yet");
	free(host);
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
}

static void invalid_descriptors_are_rejected(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	int file = open("file", O_CREAT | O_RDWR, 0644), pipes[2], closed;

	CHECK(pipe(pipes) == 0);
	closed = dup(file);
	close(closed);
	CHECK_FAILS(tlsmith_connect_fd(c, -1, "a"), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "-1 is not a descriptor");
	CHECK_FAILS(tlsmith_connect_fd(c, closed, "a"), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "not open");
	CHECK_FAILS(tlsmith_connect_fd(c, file, "a"), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "a file");
	CHECK_FAILS(tlsmith_accept_fd(c, pipes[0]), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "a pipe");
	CHECK_FAILS(tlsmith_accept(c, file), TLSMITH_ERR_IO, tlsmith_conn_error(c), "cannot accept");
	CHECK(tlsmith_conn_errno(c) != 0);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
}

static void options_have_a_size(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	struct { tlsmith_cert_options opt; char newer[16]; } larger;
	tlsmith_identity *id;

	opt.common_name = "Test CA";
	opt.key_type = "ed25519";
	opt.days = 3;
	id = tlsmith_gen_ca(&opt);
	CHECK(strcmp(tlsmith_cert_subject(tlsmith_identity_cert(id, 0)), "CN=Test CA") == 0);
	CHECK(strcmp(tlsmith_cert_key_type(tlsmith_identity_cert(id, 0)), "ed25519") == 0);
	tlsmith_identity_free(id);

	/* An older program knows fewer fields. */
	opt.size = offsetof(tlsmith_cert_options, subject);
	opt.subject = (const char *)8;
	id = tlsmith_gen_ca(&opt);
	CHECK(id != NULL);
	tlsmith_identity_free(id);

	/* No structure ends within a pointer. */
	opt.size = offsetof(tlsmith_cert_options, subject) - 4;
	CHECK(tlsmith_gen_ca(&opt) == NULL);
	CHECK(strstr(tlsmith_last_error(), "_INIT") != NULL);

	/* A newer one knows more: they must not be set. */
	memset(&larger, 0, sizeof larger);
	larger.opt.size = sizeof larger;
	id = tlsmith_gen_ca(&larger.opt);
	CHECK(id != NULL);
	tlsmith_identity_free(id);
	larger.newer[3] = 1;
	CHECK(tlsmith_gen_ca(&larger.opt) == NULL);
	CHECK(strstr(tlsmith_last_error(), "does not support") != NULL);

	memset(&opt, 0, sizeof opt);
	CHECK(tlsmith_gen_ca(&opt) == NULL);
	CHECK(strstr(tlsmith_last_error(), "_INIT") != NULL);
	opt.size = sizeof opt;
	opt.flags = 1u << 30;
	CHECK(tlsmith_gen_ca(&opt) == NULL);
	CHECK(strstr(tlsmith_last_error(), "bits") != NULL);
	opt.flags = 0;
	opt.key_type = "dsa";
	CHECK(tlsmith_gen_ca(&opt) == NULL);
	CHECK(strstr(tlsmith_last_error(), "'dsa' is not a key type") != NULL);
}

static void identities_are_saved_and_loaded(void)
{
	tlsmith_identity *ca = tlsmith_gen_ca(NULL);
	tlsmith_identity *id = tlsmith_issue_cert(ca, "localhost, 127.0.0.1", NULL);
	const char *cert = tlsmith_identity_cert_pem(id), *key = tlsmith_identity_key_pem(id);
	tlsmith_identity *again;
	struct stat st;
	size_t len;

	CHECK_TEXT(tlsmith_cert_name(tlsmith_identity_cert(id, 0), 0, NULL), "localhost");
	CHECK_TEXT(tlsmith_cert_name(tlsmith_identity_cert(id, 0), 1, NULL), "127.0.0.1");
	CHECK(tlsmith_identity_cert(id, 1) == NULL);
	CHECK(tlsmith_cert_der(tlsmith_identity_cert(id, 0), &len) != NULL && len > 200);
	again = tlsmith_identity_load_mem(cert, strlen(cert), key, strlen(key), NULL);
	CHECK(strcmp(tlsmith_identity_cert_pem(again), cert) == 0);
	tlsmith_identity_free(again);
	close(open("id.key", O_CREAT | O_WRONLY, 0644));
	CHECK(tlsmith_identity_save(id, "id.pem", "id.key", NULL) == 0);
	CHECK(stat("id.key", &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(tlsmith_identity_save(id, NULL, "no/such/folder", NULL) == TLSMITH_ERR_FILE);
	CHECK(tlsmith_issue_cert(id, "x.example", NULL) == NULL);
	CHECK(strstr(tlsmith_last_error(), "not a CA") != NULL);
	CHECK(tlsmith_issue_cert(ca, "", NULL) == NULL);
	tlsmith_identity_free(ca);
	tlsmith_identity_free(id);
}

/* Whether a message holds no eleven digits of the key's base64, which are eight bytes. */
static void holds_no_key(const char *message, const char *base64)
{
	for (size_t at = 20; at + 11 <= strlen(base64); at++) {
		char part[12] = "";
		memcpy(part, base64 + at, 11);
		CHECK(strstr(message, part) == NULL);
	}
}

static void keys_stay_out_of_messages(void)
{
	static const char base64[] =
	    "MC4CAQAwBQYDK2VwBCIEIMAhUWKF7IKlaS1Ssrpz8Q3f75gkG2GkLcGJsXC4hA1P";
	static const char *const shapes[] = {
		"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY----- %s -----END PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----%s-----END PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\r%s\r-----END PRIVATE KEY-----\r",
		"\"-----BEGIN PRIVATE KEY-----\\n%s\\n-----END PRIVATE KEY-----\"",
		"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
		"-----BEGIN PRIVATE KEY-----\n%s\n",
		"-----BEGIN %s-----\n",
		"%s",
	};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		char text[400];
		tlsmith_ctx *ctx = tlsmith_ctx_new();
		snprintf(text, sizeof text, shapes[i], base64);
		size_t len = strlen(text);
#define SILENT(call) do { call; holds_no_key(tlsmith_last_error(), base64); } while (0)
		SILENT(tlsmith_identity_free(tlsmith_identity_load(text, text, NULL)));
		SILENT(tlsmith_identity_free(load_encrypted(text, NULL, text)));
		SILENT(tlsmith_identity_free(tlsmith_identity_load_mem(text, len, text, len, NULL)));
		SILENT(tlsmith_identity_free(tlsmith_identity_load_chain(text)));
		SILENT(tlsmith_identity_free(tlsmith_identity_load_chain_mem(text, len)));
		tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;
		opt.password = text;
		opt.flags = TLSMITH_LOAD_INSECURE_NO_MAC;
		SILENT(tlsmith_identity_free(tlsmith_identity_load(text, NULL, &opt)));
		SILENT(tlsmith_identity_free(load_encrypted_mem(text, len, text)));
		SILENT(tlsmith_csr_free(tlsmith_csr_load(text)));
		SILENT(tlsmith_csr_free(tlsmith_csr_load_mem(text, len)));
		SILENT((void)tlsmith_ctx_add_roots(ctx, text));
		holds_no_key(tlsmith_ctx_error(ctx), base64);
		tlsmith_ctx_free(ctx);
		ctx = tlsmith_ctx_new();
		SILENT((void)tlsmith_ctx_add_roots_mem(ctx, text, len));
		tlsmith_ctx_free(ctx);
		ctx = tlsmith_ctx_new();
		SILENT((void)tlsmith_ctx_add_pin(ctx, text));
		tlsmith_ctx_free(ctx);
		ctx = tlsmith_ctx_new();
		SILENT((void)tlsmith_ctx_add_ticket_key(ctx, text, len));
		tlsmith_ctx_free(ctx);
	}
}

int main(void)
{
	CHECK(tlsmith_last_status() == 0 && strcmp(tlsmith_last_error(), "") == 0);
	null_is_rejected_everywhere();
	null_is_refused_for_certificates();
	every_code_has_a_phrase();
	invalid_settings_are_rejected_permanently();
	invalid_certificates_are_rejected();
	invalid_addresses_are_rejected();
	invalid_descriptors_are_rejected();
	options_have_a_size();
	identities_are_saved_and_loaded();
	keys_stay_out_of_messages();
	return failures != 0;
}
