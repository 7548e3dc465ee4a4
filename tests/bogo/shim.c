/* shim: what BoringSSL's test suite (BoGo) drives, over tlsmith.h alone.
 *
 * The runner starts it with flags that say what to be and what to expect.  It
 * connects to the runner's port, says which shim it is, shakes hands, and sends
 * every byte back XOR 0xff.  It exits with 0 when all was as expected, with 1
 * when not, the reason on standard error, and with 89 for a flag that it does not
 * know: the runner passes such a test over.
 *
 * TLSMITH_BOGO_TRANSPORT says what tlsmith runs over: the socket itself ("fd", the
 * default), callbacks ("io"), or memory ("mem"). */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tlsmith.h>
#include <unistd.h>

#define UNKNOWN 89
#define MOST 32

/* ---- What the runner says ---- */

struct text {
	char data[4096];
	size_t len;
};

struct credential {
	const char *key_file, *cert_file;
};

struct config {
	int port, ipv6, server, resume_count;
	/* The first one's files come by themselves, those of others each after a
	 * -new-x509-credential: these are shown rather than the first one. */
	struct credential credentials[MOST];
	int credential_count;
	/* The runner looks at the certificate itself, and nothing is verified here. */
	int expect_selected_credential;
	const char *trust_cert;
	int min_version, max_version, no_tls12, no_tls13;
	const char *host_name, *expect_server_name;
	int verify_peer, require_any_client_certificate, verify_fail;
	int curves[MOST], curve_count, expect_curve_id;
	int expect_hrr, expect_no_hrr, expect_version;
	const char *advertise_alpn, *select_alpn, *expect_alpn, *expect_advertised_alpn;
	int no_ticket, expect_session_miss, expect_no_session;
	int enable_early_data;
	int expect_accept_early_data, expect_reject_early_data;
	int expect_no_offer_early_data;
	const char *expect_early_data_reason;
	int expect_peer_signature_algorithm, expect_no_peer_cert;
	int decline_ocsp_callback, enable_ech_grease;
	struct text ocsp_response, expect_ocsp_response, ech_config_list;
	int expect_ech_accept;
	int export_keying_material, use_export_context;
	const char *export_label, *export_context;
	const char *shim_initial_write;
	int shim_writes_first, shim_shuts_down, check_close_notify;
	int key_update, read_size;
	int ignored;
	long long shim_id;
};

enum kind { BOOL, INT, LONG, TEXT, BASE64, INTS, CREDENTIAL, KEY_FILE, CERT_FILE };

#define AT(field) offsetof(struct config, field)

/* The flags, without their first dash. */
static const struct {
	const char *name;
	enum kind kind;
	size_t at;
} flags[] = {
	{ "port", INT, AT(port) },
	{ "shim-id", LONG, AT(shim_id) },
	{ "ipv6", BOOL, AT(ipv6) },
	{ "server", BOOL, AT(server) },
	{ "resume-count", INT, AT(resume_count) },
	{ "new-x509-credential", CREDENTIAL, 0 },
	{ "key-file", KEY_FILE, 0 },
	{ "cert-file", CERT_FILE, 0 },
	{ "expect-selected-credential", INT, AT(expect_selected_credential) },
	{ "trust-cert", TEXT, AT(trust_cert) },
	{ "min-version", INT, AT(min_version) },
	{ "max-version", INT, AT(max_version) },
	{ "expect-version", INT, AT(expect_version) },
	{ "no-tls12", BOOL, AT(no_tls12) },
	{ "no-tls13", BOOL, AT(no_tls13) },
	{ "host-name", TEXT, AT(host_name) },
	{ "expect-server-name", TEXT, AT(expect_server_name) },
	{ "verify-peer", BOOL, AT(verify_peer) },
	{ "require-any-client-certificate", BOOL, AT(require_any_client_certificate) },
	{ "verify-fail", BOOL, AT(verify_fail) },
	{ "curves", INTS, AT(curves) },
	{ "expect-curve-id", INT, AT(expect_curve_id) },
	{ "expect-hrr", BOOL, AT(expect_hrr) },
	{ "expect-no-hrr", BOOL, AT(expect_no_hrr) },
	{ "advertise-alpn", TEXT, AT(advertise_alpn) },
	{ "select-alpn", TEXT, AT(select_alpn) },
	{ "expect-alpn", TEXT, AT(expect_alpn) },
	{ "expect-advertised-alpn", TEXT, AT(expect_advertised_alpn) },
	{ "no-ticket", BOOL, AT(no_ticket) },
	{ "expect-session-miss", BOOL, AT(expect_session_miss) },
	{ "expect-no-session", BOOL, AT(expect_no_session) },
	{ "enable-early-data", BOOL, AT(enable_early_data) },
	{ "expect-accept-early-data", BOOL, AT(expect_accept_early_data) },
	{ "expect-reject-early-data", BOOL, AT(expect_reject_early_data) },
	{ "expect-no-offer-early-data", BOOL, AT(expect_no_offer_early_data) },
	{ "expect-early-data-reason", TEXT, AT(expect_early_data_reason) },
	{ "expect-peer-signature-algorithm", INT, AT(expect_peer_signature_algorithm) },
	{ "expect-no-peer-cert", BOOL, AT(expect_no_peer_cert) },
	{ "decline-ocsp-callback", BOOL, AT(decline_ocsp_callback) },
	{ "ocsp-response", BASE64, AT(ocsp_response) },
	{ "expect-ocsp-response", BASE64, AT(expect_ocsp_response) },
	{ "enable-ech-grease", BOOL, AT(enable_ech_grease) },
	{ "ech-config-list", BASE64, AT(ech_config_list) },
	{ "expect-ech-accept", BOOL, AT(expect_ech_accept) },
	{ "export-keying-material", INT, AT(export_keying_material) },
	{ "export-label", TEXT, AT(export_label) },
	{ "export-context", TEXT, AT(export_context) },
	{ "use-export-context", BOOL, AT(use_export_context) },
	{ "shim-initial-write", TEXT, AT(shim_initial_write) },
	{ "shim-writes-first", BOOL, AT(shim_writes_first) },
	{ "shim-shuts-down", BOOL, AT(shim_shuts_down) },
	{ "check-close-notify", BOOL, AT(check_close_notify) },
	{ "key-update", BOOL, AT(key_update) },
	{ "read-size", INT, AT(read_size) },
	/* What is so here anyway. */
	{ "implicit-handshake", BOOL, AT(ignored) },
	{ "renegotiate-ignore", BOOL, AT(ignored) },
	{ "enable-ocsp-stapling", BOOL, AT(ignored) },
	{ "expect-extended-master-secret", BOOL, AT(ignored) },
	{ "expect-ticket-renewal", BOOL, AT(ignored) },
	{ "expect-no-session-id", BOOL, AT(ignored) },
	{ "expect-session-id", BOOL, AT(ignored) },
	{ "permute-extensions", BOOL, AT(ignored) },
	{ "handoff", BOOL, AT(ignored) },
	{ "no-ssl3", BOOL, AT(ignored) },
	{ "no-tls1", BOOL, AT(ignored) },
	{ "no-tls11", BOOL, AT(ignored) },
	/* What the next connection shows. */
	{ "expect-ticket-supports-early-data", BOOL, AT(ignored) },
	/* How the shim goes about it, which is all the same to the runner. */
	{ "async", BOOL, AT(ignored) },
	{ "use-early-callback", BOOL, AT(ignored) },
	{ "use-old-client-cert-callback", BOOL, AT(ignored) },
	{ "use-custom-verify-callback", BOOL, AT(ignored) },
	{ "expect-verify-result", BOOL, AT(ignored) },
	{ "use-ocsp-callback", BOOL, AT(ignored) },
	{ "set-ocsp-in-callback", BOOL, AT(ignored) },
};

/* The socket to the runner, or -1 before there is one. */
static int runner = -1;

/* Says why, and lets the runner read the alert: a socket that is closed with
 * bytes to read in it would be reset, and the alert lost. */
static void fail(const char *format, ...)
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

static void unknown(const char *what)
{
	fprintf(stderr, "not supported: %s\n", what);
	exit(UNKNOWN);
}

static void decode_base64(const char *text, struct text *out)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, count = 0;

	for (; *text != '\0' && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL || out->len == sizeof out->data)
			unknown("base64");
		bits = bits << 6 | (unsigned)(digit - digits);
		if ((count += 6) >= 8) {
			count -= 8;
			out->data[out->len++] = (char)(bits >> count);
		}
	}
}

/* Sets a field from the flag `name`: 1 where its value was used. */
static int set(struct config *config, const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		char *field = (char *)config + flags[i].at;

		if (strcmp(flags[i].name, name) != 0)
			continue;
		if (flags[i].kind == BOOL) {
			*(int *)field = 1;
			return 0;
		}
		if (flags[i].kind == CREDENTIAL) {
			if (++config->credential_count == MOST)
				unknown("so many credentials");
			return 0;
		}
		if (value == NULL)
			fail("-%s has no value", name);
		switch (flags[i].kind) {
		case INT:
			*(int *)field = atoi(value);
			break;
		case LONG:
			*(long long *)field = strtoll(value, NULL, 10);
			break;
		case TEXT:
			*(const char **)field = value;
			break;
		case BASE64:
			decode_base64(value, (struct text *)field);
			break;
		case INTS:
			if (config->curve_count < MOST)
				config->curves[config->curve_count++] = atoi(value);
			break;
		case KEY_FILE:
			config->credentials[config->credential_count].key_file = value;
			break;
		case CERT_FILE:
			config->credentials[config->credential_count].cert_file = value;
			break;
		case BOOL:
		case CREDENTIAL:
			break;
		}
		return 1;
	}
	unknown(name);
	return 0;
}

/* Which flags count: those for all, and those for the first connection, for the
 * later ones, or for what follows after early data was rejected. */
enum stage { INITIAL, RESUME, RETRY };

static struct config parse(int argc, char **argv, enum stage stage)
{
	static const char *const prefixes[] = { "on-initial-", "on-resume-", "on-retry-" };
	struct config config = { 0 };

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		struct config elsewhere = { 0 };
		int counts = 1;

		if (*name++ != '-')
			unknown(argv[i]);
		if (strncmp(name, "on-shim-", strlen("on-shim-")) == 0)
			name += strlen("on-shim-");
		for (size_t p = 0; p < 3; p++) {
			if (strncmp(name, prefixes[p], strlen(prefixes[p])) != 0)
				continue;
			name += strlen(prefixes[p]);
			counts = p == stage;
			break;
		}
		i += set(counts ? &config : &elsewhere, name, value);
	}
	return config;
}

/* ---- What that means for contexts ---- */

static const struct {
	int id;
	const char *name;
} groups[] = {
	{ 0x0017, "secp256r1" },
	{ 0x0018, "secp384r1" },
	{ 0x001d, "x25519" },
	{ 0x11eb, "SecP256r1MLKEM768" },
	{ 0x11ec, "X25519MLKEM768" },
	{ 0x0201, "MLKEM768" },
	{ 0x0202, "MLKEM1024" },
}, schemes[] = {
	{ 0x0401, "rsa_pkcs1_sha256" },
	{ 0x0501, "rsa_pkcs1_sha384" },
	{ 0x0601, "rsa_pkcs1_sha512" },
	{ 0x0403, "ecdsa_secp256r1_sha256" },
	{ 0x0503, "ecdsa_secp384r1_sha384" },
	{ 0x0603, "ecdsa_secp521r1_sha512" },
	{ 0x0804, "rsa_pss_rsae_sha256" },
	{ 0x0805, "rsa_pss_rsae_sha384" },
	{ 0x0806, "rsa_pss_rsae_sha512" },
	{ 0x0807, "ed25519" },
	{ 0x0808, "ed448" },
	{ 0x0904, "ml_dsa_44" },
	{ 0x0905, "ml_dsa_65" },
	{ 0x0906, "ml_dsa_87" },
};

static const char *group_name(int id)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (groups[i].id == id)
			return groups[i].name;
	return NULL;
}

static const char *scheme_name(int id)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].id == id)
			return schemes[i].name;
	return "unknown";
}

/* Protocols as TLS writes them, each behind its length, as tlsmith reads them. */
static void split_alpn(const char *wire, char *out, size_t size)
{
	size_t len = 0;

	while (*wire != '\0') {
		size_t one = (unsigned char)*wire++;

		if (one == 0 || one > strlen(wire) || len + one + 2 > size || memchr(wire, ',', one))
			unknown("alpn");
		if (len > 0)
			out[len++] = ',';
		memcpy(out + len, wire, one);
		len += one;
		wire += one;
	}
	out[len] = '\0';
}

/* Asked for every peer whose certificate comes: `userdata` is whether to refuse
 * it.  A later connection may resume the session of an earlier one meanwhile. */
static int judge(void *userdata, const tlsmith_conn *conn, int status)
{
	(void)conn;
	return *(int *)userdata ? TLSMITH_ERR_CERT_REFUSED : status;
}

static int refuses;

/* Holds the protocols that a client offers against those that it should. */
static tlsmith_ctx *check_hello(void *userdata, const char *server_name, const char *alpn)
{
	(void)server_name;
	if (strcmp(alpn, userdata) != 0)
		fail("the client offers the protocols '%s', not '%s'", alpn, (char *)userdata);
	return NULL;
}

static void set_groups(tlsmith_ctx *ctx, const struct config *config)
{
	char names[1024] = "";

	for (int i = 0; i < config->curve_count; i++) {
		const char *name = group_name(config->curves[i]);

		if (name == NULL)
			unknown("a group");
		if (i > 0)
			strcat(names, ",");
		strcat(names, name);
	}
	if (config->curve_count > 0)
		tlsmith_ctx_set_groups(ctx, names);
}

static void set_versions(tlsmith_ctx *ctx, const struct config *config)
{
	int min = config->min_version > 0x0303 ? config->min_version : 0x0303;
	int max = config->max_version > 0 ? config->max_version : 0x0304;

	if (config->no_tls12)
		min = 0x0304;
	if (config->no_tls13)
		max = 0x0303;
	if (max < 0x0303 || min > 0x0304 || min > max)
		unknown("these versions");
	tlsmith_ctx_set_versions(ctx, min, max);
}

static tlsmith_ctx *make_context(const struct config *config, int judged)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	char protocols[4096];

	set_versions(ctx, config);
	set_groups(ctx, config);
	/* The runner's certificates are for tests of their own. */
	tlsmith_ctx_insecure_no_verify(ctx);
	if (judged)
		tlsmith_ctx_set_verify(ctx, judge, &refuses);
	for (int i = 1; i <= config->credential_count + 1; i++) {
		const struct credential *one =
		    &config->credentials[i <= config->credential_count ? i : 0];

		if (one->cert_file != NULL || one->key_file != NULL)
			tlsmith_ctx_use_cert(ctx, one->cert_file, one->key_file);
	}
	if (config->ocsp_response.len > 0 && config->server && !config->decline_ocsp_callback)
		tlsmith_ctx_set_ocsp(ctx, config->ocsp_response.data, config->ocsp_response.len);
	if (config->advertise_alpn != NULL && !config->server) {
		split_alpn(config->advertise_alpn, protocols, sizeof protocols);
		tlsmith_ctx_set_alpn(ctx, protocols);
	}
	if (config->select_alpn != NULL && config->server) {
		if (*config->select_alpn == '\0')
			unknown("an empty protocol");
		tlsmith_ctx_set_alpn(ctx, config->select_alpn);
	}
	if (config->expect_advertised_alpn != NULL && config->server) {
		static char expected[4096];

		split_alpn(config->expect_advertised_alpn, expected, sizeof expected);
		tlsmith_ctx_set_hello(ctx, check_hello, expected);
	}
	if (config->server && config->require_any_client_certificate)
		tlsmith_ctx_set_client_auth(ctx, TLSMITH_CLIENT_AUTH_REQUIRED);
	else if (config->server && config->verify_peer)
		tlsmith_ctx_set_client_auth(ctx, TLSMITH_CLIENT_AUTH_OPTIONAL);
	if (config->no_ticket)
		tlsmith_ctx_set_tickets(ctx, 0);
	if (config->enable_early_data)
		tlsmith_ctx_set_early_data(ctx, 14336);
	if (config->enable_ech_grease)
		tlsmith_ctx_set_ech(ctx, NULL, 0);
	if (config->ech_config_list.len > 0)
		tlsmith_ctx_set_ech(ctx, config->ech_config_list.data, config->ech_config_list.len);
	return ctx;
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
		fail("%s: %s (%td)", what, tlsmith_error(c), result);
}

static void handshake(tlsmith_conn *c)
{
	int result;

	do
		result = tlsmith_handshake(c);
	while (again(c, result));
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
	int early = tlsmith_conn_early_data(c), resumed = tlsmith_conn_resumed(c);

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
	if (config->expect_peer_signature_algorithm && !resumed)
		expect_text("the signature", tlsmith_conn_signature(c),
		    scheme_name(config->expect_peer_signature_algorithm));
	if (is_resumed && resumed == config->expect_session_miss)
		fail("the session was %sresumed", resumed ? "" : "not ");
	/* A server that accepts it and gets none of it has nothing to tell. */
	if (config->expect_accept_early_data && early != 1 && !config->server)
		fail("early data was not accepted");
	if (config->expect_reject_early_data && early == 1)
		fail("early data was accepted");
	if (config->expect_early_data_reason != NULL) {
		int accepts = strcmp(config->expect_early_data_reason, "accept") == 0;

		if (early == 1 ? !accepts : accepts && !config->server)
			fail("early data is %d, not '%s'", early, config->expect_early_data_reason);
	}
	if (config->expect_no_peer_cert && tlsmith_peer_cert(c, 0) != NULL)
		fail("the peer has a certificate");
	if (config->expect_ech_accept && strcmp(tlsmith_conn_ech(c), "accepted") != 0)
		fail("ECH is %s", tlsmith_conn_ech(c));
	if (config->expect_ocsp_response.len > 0 && !config->server && !resumed) {
		size_t len;
		const uint8_t *response = tlsmith_peer_ocsp(c, &len);

		if (len != config->expect_ocsp_response.len ||
		    memcmp(response, config->expect_ocsp_response.data, len) != 0)
			fail("the OCSP response is another one");
	}
}

static void export(tlsmith_conn *c, const struct config *config)
{
	const char *context = config->export_context ? config->export_context : "";
	char *out = malloc((size_t)config->export_keying_material);

	need(c, tlsmith_export(c, config->export_label ? config->export_label : "",
	            config->use_export_context ? context : NULL, strlen(context), out,
	            (size_t)config->export_keying_material), "exporting");
	write_all(c, out, (size_t)config->export_keying_material);
	free(out);
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
			need(c, tlsmith_key_update(c), "updating keys");
		write_all(c, buf, (size_t)n);
	}
	/* A runner that hangs up without close_notify is for -check-close-notify. */
	if (config->check_close_notify || (n != TLSMITH_ERR_TRUNCATED && n != TLSMITH_ERR_IO))
		need(c, n, "reading");
}

static void run(tlsmith_ctx *ctx, const struct config *config, const struct config *retry,
    int is_resumed)
{
	const char *hello = config->shim_initial_write ? config->shim_initial_write : "hello";
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	size_t said = 0;

	refuses = config->verify_fail;
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
	handshake(c);
	if (!config->server && tlsmith_conn_early_data(c) < 0) {
		config = retry;
		said = 0;
	}
	check_facts(c, config, is_resumed);
	if (config->export_keying_material > 0)
		export(c, config);
	if (config->shim_writes_first)
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
	judged = first.verify_fail || later.verify_fail;
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
