/* Settings that cannot be, and calls at moments when they cannot be made. */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "memory.h"

/* NULL as the compiler cannot see it: where it can, it refuses to build. */
static void *volatile nothing;

static ptrdiff_t no_read(void *userdata, void *buf, size_t len)
{
	(void)userdata, (void)buf, (void)len;
	return 0;
}

static ptrdiff_t no_write(void *userdata, const void *data, size_t len)
{
	(void)userdata, (void)data, (void)len;
	return 0;
}

static void null_is_refused(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	const void *lent;
	char buf[8];
	size_t len = 1;

	CHECK(tlsmith_ctx_trust_certificate(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_pin(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_ciphers(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_groups(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_verify_schemes(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_signing_schemes(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_max_fragment(NULL, 512) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_match_issuer(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_omit_certificate_authorities(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_require_known_name(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_ocsp(NULL, "0", 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_ech(NULL, NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_resumption(NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_tickets(NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_ticket_key(NULL, "a", 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_share_sessions(NULL, ctx) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_early_data(NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_verify(NULL, NULL, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_hello(NULL, NULL, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_keylog(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_keylog_fn(NULL, NULL, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_connect_fds(NULL, 0, 1, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_accept_fds(NULL, 0, 1) == TLSMITH_ERR_ARG);
	CHECK_FAILS(tlsmith_connect_fds(c, -1, 1, "a"), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "-1");
	CHECK_FAILS(tlsmith_connect_fds(c, 0, -5, "a"), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "-5");
	CHECK_FAILS(tlsmith_accept_fds(c, -1, 1), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "-1");
	CHECK(tlsmith_connect_io(NULL, no_read, no_write, NULL, "a") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_accept_io(NULL, no_read, no_write, NULL) == TLSMITH_ERR_ARG);
	CHECK_FAILS(tlsmith_connect_io(c, NULL, no_write, NULL, "a"), TLSMITH_ERR_ARG,
	    tlsmith_conn_error(c), "read is NULL");
	CHECK_FAILS(tlsmith_accept_io(c, no_read, NULL, NULL), TLSMITH_ERR_ARG, tlsmith_conn_error(c),
	    "write is NULL");
	CHECK_FAILS(tlsmith_connect_io(c, no_read, no_write, NULL, NULL), TLSMITH_ERR_ARG,
	    tlsmith_conn_error(c), "name of its server");
	CHECK(tlsmith_connect_mem(NULL, "a") == TLSMITH_ERR_ARG);
	CHECK_FAILS(tlsmith_connect_mem(c, "no name"), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "no name");
	CHECK_FAILS(tlsmith_connect_mem(c, "\xff"), TLSMITH_ERR_ARG, tlsmith_conn_error(c), "UTF-8");
	CHECK(tlsmith_accept_mem(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_feed(NULL, "a", 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_drain(NULL, buf, sizeof buf) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_drain_borrowed(NULL, &lent) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_writev(NULL, NULL, 0) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_key_update(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_write_early(NULL, "a", 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_read_early(NULL, buf, sizeof buf) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_tickets(NULL) == 0);
	CHECK(tlsmith_conn_early_data(NULL) == TLSMITH_EARLY_DATA_NONE);
	CHECK(tlsmith_conn_early_data(c) == TLSMITH_EARLY_DATA_NONE);
	CHECK(tlsmith_conn_ech(NULL) == TLSMITH_ECH_NONE);
	CHECK(tlsmith_conn_ech(c) == TLSMITH_ECH_NONE);
	CHECK(tlsmith_conn_ech_retry_configs(NULL, &len) == NULL && len == 0);
	CHECK(tlsmith_conn_ech_retry_configs(c, NULL) == NULL);
	CHECK_TEXT(tlsmith_conn_report(NULL), "");
	CHECK_TEXT(tlsmith_conn_report(c), "");
	CHECK(tlsmith_conn_export(NULL, "a", NULL, 0, buf, 1) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_peer_ocsp(NULL, &len) == NULL && len == 0);
	CHECK(tlsmith_conn_peer_ocsp(c, NULL) == NULL);
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
	CHECK(tlsmith_has("ech") && tlsmith_has("early-data"));
}

static void invalid_settings_are_rejected_permanently(void)
{
	static const char zeros[33];
	char long_name[300], sha256[70];
	tlsmith_ctx *used = new_server_ctx();
	tlsmith_conn *c = tlsmith_conn_new(used);

	memset(long_name, 'a', sizeof long_name);
	long_name[256] = 0;
	memset(sha256, 'a', sizeof sha256);
	CHECK_SETTER(tlsmith_ctx_set_alpn(ctx, long_name), TLSMITH_ERR_ARG, "256 bytes");
	CHECK_SETTER(tlsmith_ctx_set_alpn(ctx, "h2,,h3"), TLSMITH_ERR_ARG, "1 to 255");
	CHECK_SETTER(tlsmith_ctx_set_versions(ctx, 0x0304, 0x0303), TLSMITH_ERR_ARG, "lowest");
	CHECK_SETTER(tlsmith_ctx_set_ciphers(ctx, NULL), TLSMITH_ERR_ARG, "names is NULL");
	CHECK_SETTER(tlsmith_ctx_set_ciphers(ctx, ""), TLSMITH_ERR_ARG, "TLS_AES_128_GCM_SHA256, ");
	CHECK_SETTER(tlsmith_ctx_set_ciphers(ctx, "TLS_AES_128_GCM_SHA256,"), TLSMITH_ERR_ARG, "''");
	CHECK_SETTER(tlsmith_ctx_set_ciphers(ctx, "RC4-MD5"), TLSMITH_ERR_ARG,
	    "'RC4-MD5' is not a supported cipher suite: choose from TLS_");
	CHECK_SETTER(tlsmith_ctx_set_ciphers(ctx, long_name), TLSMITH_ERR_ARG, "choose from TLS_");
	CHECK_SETTER(tlsmith_ctx_set_groups(ctx, NULL), TLSMITH_ERR_ARG, "names is NULL");
	CHECK_SETTER(tlsmith_ctx_set_groups(ctx, ""), TLSMITH_ERR_ARG, "X25519MLKEM768");
	CHECK_SETTER(tlsmith_ctx_set_groups(ctx, "x25519,sect163k1"), TLSMITH_ERR_ARG, "'sect163k1'");
	CHECK_SETTER(tlsmith_ctx_set_max_fragment(ctx, 511), TLSMITH_ERR_ARG, "512 to 16384");
	CHECK_SETTER(tlsmith_ctx_match_issuer(ctx), TLSMITH_ERR_STATE, "add an identity first");
	CHECK_SETTER(tlsmith_ctx_set_verify_schemes(ctx, NULL), TLSMITH_ERR_ARG, "names is NULL");
	CHECK_SETTER(tlsmith_ctx_set_verify_schemes(ctx, "ed25519,md5"), TLSMITH_ERR_ARG, "'md5'");
	CHECK_SETTER(tlsmith_ctx_set_signing_schemes(ctx, ""), TLSMITH_ERR_ARG, "ed25519, ");
	CHECK_SETTER(tlsmith_ctx_set_signing_schemes(ctx, "ed25519"), TLSMITH_ERR_STATE, "add an identity first");
	CHECK_SETTER((tlsmith_ctx_use(ctx, localhost), tlsmith_ctx_set_signing_schemes(ctx, "ed25519")),
	    TLSMITH_ERR_ARG, "choose from ecdsa_secp256r1_sha256");
	CHECK_SETTER(tlsmith_ctx_add_pin(ctx, NULL), TLSMITH_ERR_ARG, "sha256 is NULL");
	CHECK_SETTER(tlsmith_ctx_add_pin(ctx, ""), TLSMITH_ERR_ARG, "64 hex digits");
	sha256[63] = 0;
	CHECK_SETTER(tlsmith_ctx_add_pin(ctx, sha256), TLSMITH_ERR_ARG, "64 hex digits");
	CHECK_SETTER(tlsmith_ctx_trust_certificate(ctx, sha256), TLSMITH_ERR_ARG, "64 hex digits");
	sha256[63] = 'a';
	sha256[65] = 0;
	CHECK_SETTER(tlsmith_ctx_add_pin(ctx, sha256), TLSMITH_ERR_ARG, "64 hex digits");
	sha256[64] = 0;
	sha256[5] = 'g';
	CHECK_SETTER(tlsmith_ctx_trust_certificate(ctx, sha256), TLSMITH_ERR_ARG, "64 hex digits");
	CHECK_SETTER(tlsmith_ctx_trust_certificate(ctx, NULL), TLSMITH_ERR_ARG,
	    "certificate is NULL");
	CHECK_SETTER(tlsmith_ctx_set_tickets(ctx, 17), TLSMITH_ERR_ARG, "17 tickets");
	CHECK_SETTER(tlsmith_ctx_set_tickets(ctx, UINT_MAX), TLSMITH_ERR_ARG, "16 is the maximum");
	CHECK_SETTER(tlsmith_ctx_add_ticket_key(ctx, nothing, 32), TLSMITH_ERR_ARG, "key is NULL");
	CHECK_SETTER(tlsmith_ctx_add_ticket_key(ctx, "", 0), TLSMITH_ERR_ARG, "key of 0 bytes");
	CHECK_SETTER(tlsmith_ctx_add_ticket_key(ctx, zeros, 31), TLSMITH_ERR_ARG, "key of 31 bytes");
	CHECK_SETTER(tlsmith_ctx_add_ticket_key(ctx, zeros, 33), TLSMITH_ERR_ARG, "key of 33 bytes");
	CHECK_SETTER(tlsmith_ctx_add_ticket_key(ctx, zeros, 32), TLSMITH_ERR_ARG, "random");
	CHECK_SETTER(tlsmith_ctx_share_sessions(ctx, NULL), TLSMITH_ERR_ARG, "other is NULL");
	CHECK_SETTER(tlsmith_ctx_share_sessions(ctx, ctx), TLSMITH_ERR_ARG, "itself");
	CHECK_SETTER(tlsmith_ctx_set_ocsp(ctx, "\x30", 1), TLSMITH_ERR_STATE, "add an identity first");
	CHECK_SETTER(tlsmith_ctx_set_ocsp(ctx, "", 0), TLSMITH_ERR_PARSE, "OCSP response");
	CHECK_SETTER(tlsmith_ctx_set_ocsp(ctx, nothing, 1), TLSMITH_ERR_ARG, "der is NULL");
	CHECK_SETTER(tlsmith_ctx_set_ech(ctx, "noise", 5), TLSMITH_ERR_PARSE, "ECHConfigList");
	CHECK_SETTER(tlsmith_ctx_set_ech(ctx, "", 0), TLSMITH_ERR_PARSE, "ECHConfigList");
	CHECK_SETTER(tlsmith_ctx_set_ech(ctx, nothing, 5), TLSMITH_ERR_ARG, "list is NULL");
	CHECK_SETTER(tlsmith_ctx_set_verify(ctx, NULL, NULL), TLSMITH_ERR_ARG, "verify is NULL");
	CHECK_SETTER(tlsmith_ctx_set_hello(ctx, NULL, NULL), TLSMITH_ERR_ARG, "hello is NULL");
	CHECK_SETTER(tlsmith_ctx_set_keylog_fn(ctx, NULL, NULL), TLSMITH_ERR_ARG, "log is NULL");
	CHECK_SETTER(tlsmith_ctx_set_keylog(ctx, "no/such/folder"), TLSMITH_ERR_FILE, "no/such/folder");
	CHECK_SETTER(tlsmith_ctx_set_keylog(ctx, "."), TLSMITH_ERR_FILE, "'.'");
	CHECK_SETTER(tlsmith_ctx_set_keylog(ctx, ""), TLSMITH_ERR_FILE, "key log");

	/* Nothing of a context that is in use can be changed. */
	CHECK(tlsmith_accept_mem(c) == 0);
	CHECK_SETTER(tlsmith_ctx_share_sessions(ctx, used), TLSMITH_ERR_STATE, "in use");
	CHECK_FAILS(tlsmith_ctx_set_ciphers(used, "TLS_AES_128_GCM_SHA256"), TLSMITH_ERR_STATE,
	    tlsmith_last_error(), "in use");
	CHECK_FAILS(tlsmith_ctx_add_pin(used, sha256), TLSMITH_ERR_STATE, tlsmith_last_error(), "in use");
	CHECK_FAILS(tlsmith_ctx_set_early_data(used, 1), TLSMITH_ERR_STATE, tlsmith_last_error(), "in use");
	CHECK_FAILS(tlsmith_ctx_set_tickets(used, 1), TLSMITH_ERR_STATE, tlsmith_last_error(), "in use");
	tlsmith_conn_free(c);
	tlsmith_ctx_free(used);
}

static void settings_that_contradict_each_other_make_no_connection(void)
{
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_versions(p.client_ctx, TLSMITH_TLS1_2, TLSMITH_TLS1_2);
	tlsmith_ctx_set_groups(p.client_ctx, "X25519MLKEM768");
	p.client = tlsmith_conn_new(p.client_ctx);
	CHECK_FAILS(tlsmith_connect_mem(p.client, "localhost"), TLSMITH_ERR_ARG,
	    tlsmith_conn_error(p.client), "no allowed group");
	stop(&p);

	/* A server without a certificate. */
	prepare(&p);
	p.server = tlsmith_conn_new(p.client_ctx);
	CHECK_FAILS(tlsmith_accept_mem(p.server), TLSMITH_ERR_STATE, tlsmith_conn_error(p.server),
	    "certificate");
	stop(&p);
}

/* Every call that needs a connection, by number: its outcome; 99 at the end. */
static ptrdiff_t make_call(int number, tlsmith_conn *c)
{
	static char buf[10];
	const void *lent;
	tlsmith_slice slice = { "x", 1 };

	switch (number) {
	case 0: return tlsmith_handshake(c);
	case 1: return tlsmith_read(c, buf, sizeof buf);
	case 2: return tlsmith_read_early(c, buf, sizeof buf);
	case 3: return tlsmith_write(c, "x", 1);
	case 4: return tlsmith_writev(c, &slice, 1);
	case 5: return tlsmith_flush(c);
	case 6: return tlsmith_conn_key_update(c);
	case 7: return tlsmith_write_early(c, "x", 1);
	case 8: return tlsmith_shutdown(c);
	case 9: return tlsmith_conn_export(c, "x", NULL, 0, buf, 1);
	case 10: return tlsmith_conn_handshake_bytes(c, NULL, NULL);
	case 11: return tlsmith_feed(c, "x", 1);
	case 12: return tlsmith_drain(c, buf, sizeof buf);
	case 13: return tlsmith_drain_borrowed(c, &lent);
	default: return 99;
	}
}

static void nothing_works_before_it_is_connected(void)
{
	struct pair p;
	int i;

	prepare(&p);
	p.client = tlsmith_conn_new(p.client_ctx);
	for (i = 0; make_call(i, p.client) != 99; i++)
		CHECK_FAILS(make_call(i, p.client), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
		    "not connected yet");
	CHECK(i == 14);
	CHECK(tlsmith_conn_events(p.client) == 0 && tlsmith_conn_pending(p.client) == 0);
	CHECK(tlsmith_conn_fd(p.client) == -1);
	/* None of that did any harm. */
	p.server = tlsmith_conn_new(p.server_ctx);
	CHECK(tlsmith_connect_mem(p.client, "localhost") == 0);
	CHECK(tlsmith_accept_mem(p.server) == 0);
	CHECK(shake(&p) == 0);
	stop(&p);
}

static void a_connection_connects_once(void)
{
	struct pair p;
	int fd[2], i;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	prepare(&p);
	connect_only(&p, "localhost");
	for (i = 0; i < 9; i++) {
		tlsmith_conn *c = i % 2 ? p.client : p.server;
		int status = i == 0 ? tlsmith_connect_mem(c, "localhost") :
		    i == 1 ? tlsmith_accept_mem(c) :
		    i == 2 ? tlsmith_connect_fd(c, fd[0], "localhost") :
		    i == 3 ? tlsmith_accept_fd(c, fd[0]) :
		    i == 4 ? tlsmith_connect_fds(c, fd[0], fd[1], "localhost") :
		    i == 5 ? tlsmith_accept_fds(c, fd[0], fd[1]) :
		    i == 6 ? tlsmith_connect_io(c, no_read, no_write, NULL, "localhost") :
		    i == 7 ? tlsmith_accept_io(c, no_read, no_write, NULL) :
		    tlsmith_connect(c, "localhost", "1");

		CHECK_FAILS(status, TLSMITH_ERR_STATE, tlsmith_conn_error(c), "already connected");
	}
	CHECK(shake(&p) == 0);
	stop(&p);
	close(fd[0]);
	close(fd[1]);
}

static void nothing_is_written_after_close_notify(void)
{
	struct pair p;
	char buf[10];

	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_shutdown(p.client) == 0);
	CHECK_FAILS(tlsmith_write(p.client, "x", 1), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
	    "close_notify");
	CHECK_FAILS(tlsmith_writev(p.client, &(tlsmith_slice){ "x", 1 }, 1), TLSMITH_ERR_STATE,
	    tlsmith_conn_error(p.client), "close_notify");
	CHECK_FAILS(tlsmith_conn_key_update(p.client), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
	    "close_notify");
	CHECK(tlsmith_flush(p.client) == 0 && tlsmith_shutdown(p.client) == 0);
	CHECK(tlsmith_write(p.server, "late", 4) == 4);
	carry(p.server, p.client);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 4);
	CHECK(tlsmith_read(p.client, buf, 0) == TLSMITH_ERR_ARG);
	stop(&p);

	/* Before the handshake there is nothing to say. */
	prepare(&p);
	connect_only(&p, "localhost");
	CHECK(tlsmith_shutdown(p.client) == 0);
	CHECK(carry(p.client, p.server) == 0);
	stop(&p);
}

static void memory_calls_need_a_connection_in_memory(void)
{
	struct pair p;
	const void *lent;
	char buf[10];
	int fd[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	prepare(&p);
	p.client = tlsmith_conn_new(p.client_ctx);
	CHECK(tlsmith_connect_fd(p.client, fd[0], "localhost") == 0);
	CHECK_FAILS(tlsmith_feed(p.client, "x", 1), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
	    "does not run in memory");
	CHECK_FAILS(tlsmith_drain(p.client, buf, sizeof buf), TLSMITH_ERR_STATE,
	    tlsmith_conn_error(p.client), "does not run in memory");
	CHECK_FAILS(tlsmith_drain_borrowed(p.client, &lent), TLSMITH_ERR_STATE,
	    tlsmith_conn_error(p.client), "does not run in memory");
	stop(&p);
	close(fd[0]);
	close(fd[1]);
}

static void fatal_error_is_permanent(void)
{
	struct pair p;
	int i;

	prepare(&p);
	connect_only(&p, "localhost");
	CHECK(tlsmith_feed(p.client, "SSH-2.0-OpenSSH\r\n", 17) == 0);
	CHECK(tlsmith_handshake(p.client) == TLSMITH_ERR_PROTOCOL);
	for (i = 0; i < 9; i++)
		if (!CHECK(make_call(i, p.client) == TLSMITH_ERR_PROTOCOL))
			fprintf(stderr, "call %d is %td\n", i, make_call(i, p.client));
	CHECK(tlsmith_conn_events(p.client) == 0 && tlsmith_conn_pending(p.client) == 0);
	CHECK(tlsmith_conn_version(p.client) == 0);
	CHECK(strstr(tlsmith_conn_report(p.client), "Not connected") != NULL);
	stop(&p);
}

int main(void)
{
	begin_all();
	null_is_refused();
	invalid_settings_are_rejected_permanently();
	settings_that_contradict_each_other_make_no_connection();
	nothing_works_before_it_is_connected();
	a_connection_connects_once();
	nothing_is_written_after_close_notify();
	memory_calls_need_a_connection_in_memory();
	fatal_error_is_permanent();
	end_all();
	return failures != 0;
}
