/* shim: what BoringSSL's test suite (BoGo) drives, over tlsmith.h alone.
 *
 * The runner starts it with flags that say what to be and what to expect.  It
 * connects to the runner's port, says which shim it is, shakes hands, and sends
 * every byte back XOR 0xff.  It exits with 0 when all was as expected, with 1
 * when not, the reason on standard error, and with 89 for a flag that it does not
 * know: the runner passes such a test over.  It exits with 90 where the handshake has to
 * fail, and what is known of the failure is not as expected.
 *
 * TLSMITH_BOGO_TRANSPORT says what tlsmith runs over: the socket itself ("fd", the
 * default), callbacks ("io"), or memory ("mem"). */
#define _POSIX_C_SOURCE 200809L
#include "shim.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNKNOWN 89
#define MUST_FAIL 90

/* The socket to the runner, or -1 before there is one. */
int runner = -1;

/* Says why, and lets the runner read the alert: a socket that is closed with
 * bytes to read in it would be reset, and the alert lost. */
void fail(const char *format, ...)
{
	va_list arguments;
	char unread[4096];

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	if (runner >= 0 && shutdown(runner, SHUT_WR) == 0)
		while (recv(runner, unread, sizeof unread, 0) > 0)
			;
	exit(1);
}

void unknown(const char *what)
{
	fprintf(stderr, "not supported: %s\n", what);
	exit(UNKNOWN);
}

/* ---- One connection ---- */

static int connect_to_runner(const struct config *config)
{
	unsigned char id[8];
	int fd = socket(config->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0), connected;

	if (config->ipv6) {
		struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(config->port) };

		at.sin6_addr = in6addr_loopback;
		connected = connect(fd, (struct sockaddr *)&at, sizeof at);
	} else {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(config->port) };

		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		connected = connect(fd, (struct sockaddr *)&at, sizeof at);
	}
	if (connected != 0)
		fail("cannot connect to the runner: %s", strerror(errno));
	for (int i = 0; i < 8; i++)
		id[i] = (unsigned char)((unsigned long long)config->shim_id >> (8 * i));
	if (write(fd, id, sizeof id) != sizeof id)
		fail("cannot tell the runner which shim this is");
	return fd;
}

/* ---- What tlsmith runs over ---- */

static enum { OVER_FD, OVER_IO, OVER_MEMORY } transport;
static void choose_transport(void)
{
	const char *name = getenv("TLSMITH_BOGO_TRANSPORT");

	if (name == NULL || strcmp(name, "fd") == 0)
		transport = OVER_FD;
	else if (strcmp(name, "io") == 0)
		transport = OVER_IO;
	else if (strcmp(name, "mem") == 0)
		transport = OVER_MEMORY;
	else
		fail("TLSMITH_BOGO_TRANSPORT is '%s', not fd, io or mem", name);
}

static ptrdiff_t read_runner(void *userdata, void *buf, size_t len)
{
	return recv(*(int *)userdata, buf, len, 0);
}

static ptrdiff_t write_runner(void *userdata, const void *data, size_t len)
{
	return send(*(int *)userdata, data, len, MSG_NOSIGNAL);
}

static int start(tlsmith_conn *c, const struct config *config)
{
	const char *name = config->host_name;

	switch (transport) {
	case OVER_FD:
		return config->server ? tlsmith_accept_fd(c, runner)
		                      : tlsmith_connect_fd(c, runner, name);
	case OVER_IO:
		return config->server
		    ? tlsmith_accept_io(c, read_runner, write_runner, &runner)
		    : tlsmith_connect_io(c, read_runner, write_runner, &runner, name);
	case OVER_MEMORY:
		return config->server ? tlsmith_accept_mem(c) : tlsmith_connect_mem(c, name);
	}
	return TLSMITH_ERR_INTERNAL;
}

/* Moves what memory holds between tlsmith and the runner: whether to repeat the
 * call that gave `result`. */
static int again(tlsmith_conn *c, ptrdiff_t result)
{
	char buf[16384];
	ptrdiff_t n;

	if (transport != OVER_MEMORY)
		return 0;
	while ((n = tlsmith_drain(c, buf, sizeof buf)) > 0)
		for (ptrdiff_t sent = 0, one; sent < n; sent += one)
			if ((one = send(runner, buf + sent, (size_t)(n - sent), MSG_NOSIGNAL)) <= 0)
				return 0;
	if (result != TLSMITH_WANT_READ)
		return result == TLSMITH_WANT_WRITE;
	n = recv(runner, buf, sizeof buf, 0);
	/* A connection that was reset is at its end too. */
	return tlsmith_feed(c, buf, n > 0 ? (size_t)n : 0) == 0;
}

static void need(const tlsmith_conn *c, ptrdiff_t result, const char *what)
{
	if (result < 0)
		fail("%s: %s (%td)", what, tlsmith_conn_error(c), result);
}

/* The handshake has failed, which the runner expects: only this exit status tells it
 * that something else is wrong. */
static void check_rejection(const tlsmith_conn *c, const struct config *config)
{
	const struct text *expected = &config->expect_ech_retry_configs;
	size_t len;
	const uint8_t *configs = tlsmith_conn_ech_retry_configs(c, &len);

	if (expected->len == 0 && !config->expect_no_ech_retry_configs)
		return;
	if (tlsmith_conn_ech(c) == TLSMITH_ECH_REJECTED && len == expected->len &&
	    (configs == NULL) == (len == 0) && (len == 0 || memcmp(configs, expected->data, len) == 0))
		return;
	fprintf(stderr, "ECH is %d, with %zu bytes to retry with, not %zu: %s\n",
	    tlsmith_conn_ech(c), len, expected->len, tlsmith_conn_error(c));
	exit(MUST_FAIL);
}

static void handshake(tlsmith_conn *c, const struct config *config, const struct config *retry)
{
	int result;

	do
		result = tlsmith_handshake(c);
	while (again(c, result));
	if (result < 0) {
		int is_retry = config->enable_early_data && tlsmith_conn_early_data(c) != TLSMITH_EARLY_DATA_ACCEPTED;

		check_rejection(c, is_retry ? retry : config);
	}
	need(c, result, "handshake");
}

static ptrdiff_t read_some(tlsmith_conn *c, void *buf, size_t len)
{
	ptrdiff_t n;

	do
		n = tlsmith_read(c, buf, len);
	while (again(c, n));
	return n;
}

static void write_all(tlsmith_conn *c, const char *data, size_t len)
{
	while (len > 0) {
		ptrdiff_t n = tlsmith_write(c, data, len);

		if (again(c, n))
			continue;
		need(c, n, "writing");
		data += n;
		len -= (size_t)n;
	}
}

static void shut_down(tlsmith_conn *c)
{
	int result;

	do
		result = tlsmith_shutdown(c);
	while (again(c, result));
	need(c, result, "shutting down");
}

static void expect_text(const char *what, const char *got, const char *expected)
{
	if (expected != NULL && strcmp(got, expected) != 0)
		fail("%s is '%s', not '%s'", what, got, expected);
}

static void check_facts(const tlsmith_conn *c, const struct config *config, int is_resumed)
{
	int accepted = tlsmith_conn_early_data(c) == TLSMITH_EARLY_DATA_ACCEPTED;
	int resumed = tlsmith_conn_resumed(c);

	if (config->expect_version && tlsmith_conn_version(c) != config->expect_version)
		fail("the version is %#x", (unsigned)tlsmith_conn_version(c));
	/* TLS 1.2 exchanges no keys when it resumes a session, and no version has a
	 * signature then, or an OCSP response. */
	if (config->expect_curve_id && !(resumed && tlsmith_conn_version(c) == 0x0303))
		expect_text("the group", tlsmith_conn_group(c), group_name(config->expect_curve_id));
	if (!resumed && config->expect_hrr && !tlsmith_conn_hello_retried(c))
		fail("there was no HelloRetryRequest");
	if (config->expect_no_hrr && tlsmith_conn_hello_retried(c))
		fail("there was a HelloRetryRequest");
	expect_text("ALPN", tlsmith_conn_alpn(c), config->expect_alpn);
	expect_text("the server name", tlsmith_conn_server_name(c), config->expect_server_name);
	if (config->expect_peer_signature_algorithm && !resumed) {
		const char *name = scheme_name(config->expect_peer_signature_algorithm);

		expect_text("the signature", tlsmith_conn_signature(c), name ? name : "unknown");
	}
	if (is_resumed && resumed == config->expect_session_miss)
		fail("the session was %sresumed", resumed ? "" : "not ");
	/* A server that accepts it and gets none of it has nothing to tell. */
	if (config->expect_accept_early_data && !accepted && !config->server)
		fail("early data was not accepted");
	if (config->expect_reject_early_data && accepted)
		fail("early data was accepted");
	if (config->expect_early_data_reason != NULL) {
		int accepts = strcmp(config->expect_early_data_reason, "accept") == 0;

		if (accepted ? !accepts : accepts && !config->server)
			fail("early data is %s, not '%s'", accepted ? "accepted" : "not accepted",
			    config->expect_early_data_reason);
	}
	if (config->expect_no_peer_cert && tlsmith_conn_peer_cert(c, 0) != NULL)
		fail("the peer has a certificate");
	if (config->expect_ech_accept && tlsmith_conn_ech(c) != TLSMITH_ECH_ACCEPTED)
		fail("ECH is %d", tlsmith_conn_ech(c));
	if (config->expect_ocsp_response.len > 0 && !config->server && !resumed) {
		size_t len;
		const uint8_t *response = tlsmith_conn_peer_ocsp(c, &len);

		if (len != config->expect_ocsp_response.len ||
		    memcmp(response, config->expect_ocsp_response.data, len) != 0)
			fail("the OCSP response is another one");
	}
}

static void export(tlsmith_conn *c, const struct config *config)
{
	const char *context = config->export_context ? config->export_context : "";
	char *out = malloc((size_t)config->export_keying_material);

	need(c, tlsmith_conn_export(c, config->export_label ? config->export_label : "",
	            config->use_export_context ? context : NULL, strlen(context), out,
	            (size_t)config->export_keying_material), "exporting");
	write_all(c, out, (size_t)config->export_keying_material);
	free(out);
}

/* The secret that the peer writes with, then the one that it reads with, behind
 * their length. */
static void export_secrets(tlsmith_conn *c, const struct config *config)
{
	char out[2 + 128];
	size_t len = strlen(traffic_secrets[0]) / 2;
	unsigned byte;

	out[0] = (char)len;
	out[1] = 0;
	for (size_t i = 0; i < 2 * len; i++) {
		const char *secret = traffic_secrets[(i < len) ^ (config->server != 0)];

		if (sscanf(secret + 2 * (i % len), "%2x", &byte) != 1)
			fail("a secret is missing");
		out[2 + i] = (char)byte;
	}
	write_all(c, out, 2 + 2 * len);
}

/* Reads all early data that there is, and sends it back at once, which may be
 * before the handshake is complete. */
static void echo_early(tlsmith_conn *c)
{
	static char buf[16384];
	ptrdiff_t n;

	do {
		while (again(c, n = tlsmith_read_early(c, buf, sizeof buf)))
			;
		need(c, n, "reading early data");
		for (ptrdiff_t i = 0; i < n; i++)
			buf[i] ^= (char)0xff;
		write_all(c, buf, (size_t)n);
	} while (n > 0);
}

static void echo(tlsmith_conn *c, const struct config *config)
{
	static char buf[65536];
	size_t size = config->read_size > 0 ? (size_t)config->read_size : sizeof buf;
	ptrdiff_t n;

	if (size > sizeof buf)
		size = sizeof buf;
	while ((n = read_some(c, buf, size)) > 0) {
		for (ptrdiff_t i = 0; i < n; i++)
			buf[i] ^= (char)0xff;
		if (config->key_update)
			need(c, tlsmith_conn_key_update(c), "updating keys");
		write_all(c, buf, (size_t)n);
	}
	/* A runner that hangs up without close_notify is for -check-close-notify. */
	if (config->check_close_notify || (n != TLSMITH_ERR_TRUNCATED && n != TLSMITH_ERR_IO))
		need(c, n, "reading");
}

/* Each of the runner's callbacks is to say another thing. */
static int refusal(const struct config *config)
{
	if (config->fail_ocsp_callback)
		return TLSMITH_ERR_CERT_OCSP;
	if (config->verify_fail)
		return config->use_custom_verify_callback ? TLSMITH_ERR_CERT : TLSMITH_ERR_NO_COMMON;
	return 0;
}

static void run(tlsmith_ctx *ctx, const struct config *config, const struct config *retry,
    int is_resumed)
{
	const char *hello = config->shim_initial_write ? config->shim_initial_write : "hello";
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	size_t said = 0;

	verdict = refusal(config);
	runner = connect_to_runner(config);
	need(c, start(c, config), "starting");
	if (config->enable_early_data && config->server) {
		echo_early(c);
	} else if (config->enable_early_data && config->shim_writes_first) {
		ptrdiff_t n = tlsmith_write_early(c, hello, strlen(hello));

		need(c, n, "writing early data");
		said = (size_t)n;
		if (config->expect_no_offer_early_data && said > 0)
			fail("early data was offered");
	}
	handshake(c, config, retry);
	if (!config->server && tlsmith_conn_early_data(c) == TLSMITH_EARLY_DATA_REJECTED) {
		config = retry;
		said = 0;
	}
	check_facts(c, config, is_resumed);
	if (config->export_keying_material > 0)
		export(c, config);
	if (config->export_traffic_secrets)
		export_secrets(c, config);
	/* Over memory, an unfinished write stays there until something is read. */
	if (config->read_with_unfinished_write && said < strlen(hello))
		need(c, tlsmith_write(c, hello + said, strlen(hello) - said), "writing");
	else if (config->shim_writes_first)
		write_all(c, hello + said, strlen(hello) - said);
	if (!config->shim_shuts_down)
		echo(c, config);
	shut_down(c);
	if (config->shim_shuts_down)
		echo(c, config);
	if (config->expect_no_session && !config->server && tlsmith_conn_tickets(c) > 0)
		fail("there is a session to resume");
	tlsmith_conn_free(c);
	close(runner);
}

/* Whether two connections can have one context, which takes the settings alike:
 * what is only expected of them may differ. */
static int alike(struct config one, const struct config *other)
{
	one.verify_fail = other->verify_fail;
	one.expect_session_miss = other->expect_session_miss;
	one.expect_no_session = other->expect_no_session;
	one.expect_accept_early_data = other->expect_accept_early_data;
	one.expect_reject_early_data = other->expect_reject_early_data;
	one.expect_early_data_reason = other->expect_early_data_reason;
	one.expect_curve_id = other->expect_curve_id;
	one.expect_version = other->expect_version;
	one.expect_alpn = other->expect_alpn;
	one.expect_hrr = other->expect_hrr;
	one.expect_no_hrr = other->expect_no_hrr;
	one.shim_writes_first = other->shim_writes_first;
	one.read_with_unfinished_write = other->read_with_unfinished_write;
	one.expect_no_offer_early_data = other->expect_no_offer_early_data;
	one.ignored = other->ignored;
	return memcmp(&one, other, sizeof one) == 0;
}

int main(int argc, char **argv)
{
	struct config first, later, retry;
	tlsmith_ctx *ctx, *next;
	int judged;

	choose_transport();
	if (argc > 1 && strcmp(argv[1], "-is-handshaker-supported") == 0)
		return puts("No") < 0;
	first = parse(argc, argv, INITIAL);
	later = parse(argc, argv, RESUME);
	retry = parse(argc, argv, RETRY);
	judged = refusal(&first) != 0 || refusal(&later) != 0;
	/* A server staples what it has. */
	if (first.server && first.fail_ocsp_callback)
		unknown("fail-ocsp-callback of a server");
	ctx = next = make_context(&first, judged);
	if (first.resume_count > 0 && !alike(first, &later)) {
		next = make_context(&later, judged);
		if (first.server && later.enable_early_data && tlsmith_ctx_share_sessions(next, ctx) != 0)
			fail("sharing sessions: %s", tlsmith_last_error());
	}
	for (int i = 0; i <= first.resume_count; i++)
		run(i == 0 ? ctx : next, i == 0 ? &first : &later, &retry, i > 0);
	if (next != ctx)
		tlsmith_ctx_free(next);
	tlsmith_ctx_free(ctx);
	return 0;
}
