/* Makes sequences of calls of the C API that the fuzzer chooses.
 *
 * The caller's duties are kept: handles are live or NULL, callbacks are functions, and
 * lengths are true.  Everything else is up to the input: order, values, and what peers
 * send.  The library must then keep its own: no call reports a bug in tlsmith, counts fit
 * their buffers, and every string ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlsmith.h>

enum { KEPT = 4, BUFFER = 512, LONGEST_FLIGHT = 65536 };

static const uint8_t *input, *input_end;

static uint8_t byte(void)
{
	return input < input_end ? *input++ : 0;
}

static int number(void)
{
	int high = byte();

	return (int16_t)(high << 8 | byte());
}

/* A copy of its own of the next bytes, so that AddressSanitizer sees where it ends. */
static void *bytes(size_t *len)
{
	size_t count = byte(), left = (size_t)(input_end - input);
	void *copy;

	*len = count < left ? count : left;
	copy = malloc(*len);
	if (*len > 0)
		memcpy(copy, input, *len);
	input += *len;
	return copy;
}

static const char *const TEXTS[] = {
	NULL, "", "localhost", "other.example", "127.0.0.1", "::1", "*.example", "a b", "h2,http/1.1",
	"\xc3\xa4.example", "\xff\xfe", "TLS_AES_128_GCM_SHA256", "x25519:secp256r1", "X25519",
	"ecdsa_secp256r1_sha256", "EXPORTER-test", "password", "serverAuth", "1.3.6.1.5.5.7.3.1",
	"/CN=a/O=b", "ecdsa-p256", "ed25519", "01:02", "alice@example.com", "10.0.0.0/8",
	"0000000000000000000000000000000000000000000000000000000000000000",
};

static const char *text(void)
{
	return TEXTS[byte() % (sizeof TEXTS / sizeof *TEXTS)];
}

/* What the library promises of all that it returns. */

static int check_status(ptrdiff_t status)
{
	if (status >= 0)
		return (int)status;
	if (status == TLSMITH_ERR_INTERNAL) {
		fprintf(stderr, "a bug was reported: %s\n", tlsmith_last_error());
		abort();
	}
	if (tlsmith_strerror((int)status) == NULL)
		abort();
	return (int)status;
}

static void check_count(ptrdiff_t count, size_t most)
{
	if (check_status(count) > 0 && (size_t)count > most)
		abort();
}

static void check_text(const char *text)
{
	if (text != NULL && strlen(text) > 1 << 20)
		abort();
}

/* What is there before the first call: an authority, and a site that it vouches for. */

static tlsmith_identity *authority, *site;

static void set_up(void)
{
	authority = tlsmith_gen_ca(NULL);
	site = tlsmith_issue_cert(authority, "localhost", NULL);
	if (authority == NULL || site == NULL)
		abort();
}

static tlsmith_ctx *contexts[KEPT];
static tlsmith_conn *connections[KEPT];
static tlsmith_identity *identities[KEPT];
static tlsmith_csr *requests[KEPT];

#define ANY(handles) (handles)[byte() % KEPT]

static void options(tlsmith_cert_options *opt)
{
	*opt = (tlsmith_cert_options)TLSMITH_CERT_OPTIONS_INIT;
	if (byte() & 1)
		opt->size = byte() % (sizeof *opt + 1); /* not more than there is */
	opt->common_name = text();
	opt->subject = text();
	opt->not_before = number();
	opt->days = (uint32_t)number();
	opt->usage = byte();
	/* RSA keys take a second to make. */
	opt->key_type = byte() & 1 ? "ed25519" : NULL;
	opt->path_len = byte();
	opt->flags = byte();
	opt->permitted_names = text();
	opt->excluded_names = text();
	opt->crl_url = text();
}

/* Callbacks. */

static int verify(void *userdata, const tlsmith_conn *conn, int status)
{
	check_text(tlsmith_cert_text(tlsmith_conn_peer_cert(conn, 0)));
	return *(const uint8_t *)userdata & 1 ? status : TLSMITH_ERR_CERT_REFUSED;
}

static void read_hello(const tlsmith_hello *hello)
{
	size_t len;

	if (tlsmith_hello_server_name(hello) != NULL)
		check_text(tlsmith_hello_server_name(hello));
	for (size_t i = 0; tlsmith_hello_alpn(hello, i, &len) != NULL; i++)
		if (tlsmith_hello_alpn(hello, i, NULL)[len] != '\0')
			abort();
	for (size_t i = 0; tlsmith_hello_cipher(hello, i) != NULL; i++)
		check_text(tlsmith_hello_cipher(hello, i));
	for (size_t i = 0; tlsmith_hello_group(hello, i) != NULL; i++)
		check_text(tlsmith_hello_group(hello, i));
	for (size_t i = 0; tlsmith_hello_scheme(hello, i) != NULL; i++)
		check_text(tlsmith_hello_scheme(hello, i));
	tlsmith_hello_version(hello, 0);
}

static int hello(void *userdata, tlsmith_conn *conn, const tlsmith_hello *hello)
{
	const uint8_t flag = *(const uint8_t *)userdata;

	read_hello(hello);
	if (flag & 1)
		tlsmith_conn_set_ctx(conn, contexts[0]);
	if (flag & 2)
		tlsmith_conn_set_alpn(conn, "h2");
	return flag & 4 ? flag : 0;
}

static uint8_t flags[KEPT];

/* Certificates: borrowed, and read at once. */

static void read_certificate(const tlsmith_cert *cert)
{
	const char *host = text(), *found;
	tlsmith_name_type type;
	size_t len = 0;

	check_text(tlsmith_cert_subject(cert));
	check_text(tlsmith_cert_issuer(cert));
	for (size_t i = 0; (found = tlsmith_cert_name(cert, i, &type)) != NULL && i < 8; i++)
		check_text(found);
	check_text(tlsmith_cert_common_name(cert));
	(void)tlsmith_cert_matches(cert, host);
	check_text(tlsmith_cert_crl_url(cert, byte()));
	if (tlsmith_cert_spki(cert, &len) == NULL && len != 0)
		abort();
	check_text(tlsmith_cert_serial(cert));
	check_text(tlsmith_cert_key_usage(cert));
	check_text(tlsmith_cert_extended_key_usage(cert));
	check_text(tlsmith_cert_name_constraints(cert));
	check_text(tlsmith_cert_spki_sha256(cert));
	check_text(tlsmith_cert_pem(cert));
	check_text(tlsmith_cert_text(cert));
	(void)tlsmith_cert_not_after(cert);
	(void)tlsmith_cert_path_len(cert);
	if (tlsmith_cert_der(cert, &len) == NULL && len != 0)
		abort();
}

/* One call of a context. */

static void set_context(tlsmith_ctx *ctx)
{
	size_t len;
	void *data;

	switch (byte() % 29) {
	case 0: check_status(tlsmith_ctx_use(ctx, ANY(identities))); break;
	case 1: check_status(tlsmith_ctx_use(ctx, site)); break;
	case 2: check_status(tlsmith_ctx_set_alpn(ctx, text())); break;
	case 3: check_status(tlsmith_ctx_set_client_auth(ctx, number())); break;
	case 4: check_status(tlsmith_ctx_set_versions(ctx, number(), number())); break;
	case 5: check_status(tlsmith_ctx_set_versions(ctx, 12, byte() & 1 ? 12 : 13)); break;
	case 6: check_status(tlsmith_ctx_allow_common_name(ctx)); break;
	case 7: check_status(tlsmith_ctx_insecure_no_name(ctx)); break;
	case 8: check_status(tlsmith_ctx_insecure_no_verify(ctx)); break;
	case 9: check_status(tlsmith_ctx_set_ciphers(ctx, text())); break;
	case 10: check_status(tlsmith_ctx_set_groups(ctx, text())); break;
	case 11: check_status(tlsmith_ctx_set_max_fragment(ctx, (size_t)number())); break;
	case 12: check_status(tlsmith_ctx_set_verify_schemes(ctx, text())); break;
	case 13: check_status(tlsmith_ctx_set_signing_schemes(ctx, text())); break;
	case 14: check_status(tlsmith_ctx_match_issuer(ctx)); break;
	case 15: check_status(tlsmith_ctx_require_known_name(ctx)); break;
	case 16: check_status(tlsmith_ctx_set_resumption(ctx, byte())); break;
	case 17: check_status(tlsmith_ctx_set_tickets(ctx, byte())); break;
	case 18: check_status(tlsmith_ctx_share_sessions(ctx, ANY(contexts))); break;
	case 19: check_status(tlsmith_ctx_set_early_data(ctx, (uint32_t)number())); break;
	case 20: check_status(tlsmith_ctx_set_max_depth(ctx, number())); break;
	case 21: check_status(tlsmith_ctx_set_min_security(ctx, number())); break;
	case 22: check_status(tlsmith_ctx_add_pin(ctx, text())); break;
	case 23: check_status(tlsmith_ctx_set_verify(ctx, verify, &flags[byte() % KEPT])); break;
	case 24: check_status(tlsmith_ctx_set_hello(ctx, hello, &flags[byte() % KEPT])); break;
	case 25:
		check_status(tlsmith_ctx_verify(ctx, byte() & 1 ? site : ANY(identities), text(),
		    text(), number()));
		read_certificate(tlsmith_ctx_verified_cert(ctx, byte()));
		break;
	case 26:
		data = bytes(&len);
		check_status(tlsmith_ctx_add_ticket_key(ctx, data, len));
		check_status(tlsmith_ctx_set_ech(ctx, data, len));
		check_status(tlsmith_ctx_set_ocsp(ctx, data, len));
		check_status(tlsmith_ctx_add_crl_mem(ctx, data, len));
		check_status(tlsmith_ctx_add_roots_mem(ctx, data, len));
		free(data);
		break;
	case 27: check_status(tlsmith_ctx_insecure_allow_unverified_clients(ctx)); break;
	default: check_text(tlsmith_ctx_error(ctx)); break;
	}
}

/* A context that can be used, or that has yet to be told everything. */
static void make_context(void)
{
	tlsmith_ctx **place = &ANY(contexts);

	tlsmith_ctx_free(*place);
	*place = tlsmith_ctx_new();
	if (byte() & 1) {
		const char *root = tlsmith_identity_cert_pem(authority);

		check_status(tlsmith_ctx_add_roots_mem(*place, root, strlen(root)));
		check_status(tlsmith_ctx_use(*place, site));
	}
}

/* Connections. */

static void make_connection(void)
{
	tlsmith_conn **place = &ANY(connections);

	tlsmith_conn_free(*place);
	*place = tlsmith_conn_new(ANY(contexts));
	if (byte() & 1)
		check_status(tlsmith_connect_mem(*place, text()));
	else
		check_status(tlsmith_accept_mem(*place));
}

/* What one has to send reaches another, changed or not. */
static void carry(tlsmith_conn *from, tlsmith_conn *to)
{
	uint8_t *flight = malloc(LONGEST_FLIGHT);
	ptrdiff_t count = tlsmith_drain(from, flight, LONGEST_FLIGHT);

	check_count(count, LONGEST_FLIGHT);
	if (count > 0) {
		if (byte() & 1)
			flight[(size_t)(uint16_t)number() % (size_t)count] ^= byte();
		check_status(tlsmith_feed(to, flight, (size_t)count));
	}
	free(flight);
}

static void shake(tlsmith_conn *one, tlsmith_conn *other)
{
	for (int turn = 0; turn < 4; turn++) {
		check_status(tlsmith_handshake(one));
		carry(one, other);
		check_status(tlsmith_handshake(other));
		carry(other, one);
	}
}

static void ask(tlsmith_conn *conn)
{
	uint8_t secret[32], binding[80];
	uint64_t received, sent;
	size_t len = 0;

	check_text(tlsmith_conn_error(conn));
	check_text(tlsmith_conn_cipher(conn));
	check_text(tlsmith_conn_group(conn));
	check_text(tlsmith_conn_alpn(conn));
	check_text(tlsmith_conn_server_name(conn));
	(void)tlsmith_conn_ech(conn);
	(void)tlsmith_conn_early_data(conn);
	check_status(tlsmith_conn_channel_binding(conn, byte() & 1 ? "tls-exporter"
	    : "tls-server-end-point", binding, byte() % sizeof binding));
	check_text(tlsmith_conn_report(conn));
	(void)tlsmith_conn_peer_ocsp(conn, &len);
	(void)tlsmith_conn_ech_retry_configs(conn, &len);
	check_status(tlsmith_conn_handshake_bytes(conn, &received, &sent));
	check_status(tlsmith_conn_export(conn, text(), NULL, 0, secret, byte() % sizeof secret));
	read_certificate(tlsmith_conn_peer_cert(conn, byte()));
	read_certificate(tlsmith_conn_verified_cert(conn, byte()));
	check_status(tlsmith_conn_verify_status(conn));
	if (tlsmith_conn_verify_status(conn) != 0)
		check_text(tlsmith_conn_verify_error(conn));
	(void)tlsmith_conn_resumed(conn);
	(void)tlsmith_conn_events(conn);
	(void)tlsmith_conn_pending(conn);
	(void)tlsmith_conn_alert(conn);
}

static void use_connection(tlsmith_conn *conn)
{
	size_t len, room;
	void *data;
	const void *lent;
	ptrdiff_t count;

	switch (byte() % 18) {
	case 0: case 1: shake(conn, ANY(connections)); break;
	case 2: carry(conn, ANY(connections)); break;
	case 3: check_status(tlsmith_handshake(conn)); break;
	case 4:
		room = byte() * 2u;
		data = malloc(room);
		check_count(tlsmith_read(conn, data, room), room);
		check_count(tlsmith_read_early(conn, data, room), room);
		free(data);
		break;
	case 5:
		data = bytes(&len);
		check_count(tlsmith_write(conn, data, len), len);
		free(data);
		break;
	case 6:
		data = bytes(&len);
		check_count(tlsmith_write_early(conn, data, len), len);
		free(data);
		break;
	case 7: {
		tlsmith_slice slices[3];

		for (int i = 0; i < 3; i++)
			slices[i].data = bytes(&slices[i].len);
		len = slices[0].len + slices[1].len + slices[2].len;
		check_count(tlsmith_writev(conn, slices, byte() % 4), len);
		for (int i = 0; i < 3; i++)
			free((void *)slices[i].data);
		break;
	}
	case 8:
		data = bytes(&len);
		check_status(tlsmith_feed(conn, data, len));
		free(data);
		break;
	case 9:
		count = tlsmith_drain_borrowed(conn, &lent);
		if (check_status(count) > 0)
			(void)*(const volatile uint8_t *)lent;
		break;
	case 10: check_status(tlsmith_shutdown(conn)); break;
	case 11: check_status(tlsmith_conn_key_update(conn)); break;
	case 12: check_status(tlsmith_flush(conn)); break;
	case 13:
		check_status(tlsmith_accept_hello(conn));
		read_hello(tlsmith_conn_hello(conn));
		break;
	case 14: check_status(tlsmith_conn_set_ctx(conn, ANY(contexts))); break;
	case 15:
		check_status(tlsmith_conn_set_alpn(conn, text()));
		check_status(tlsmith_conn_set_server_name(conn, text()));
		break;
	case 16: check_status(tlsmith_conn_set_identity(conn, byte() & 1 ? site : ANY(identities))); break;
	case 17: check_status(tlsmith_conn_refuse(conn, number())); break;
	default: ask(conn); break;
	}
}

/* Identities and requests. */

static void make_identity(void)
{
	tlsmith_identity **place = &ANY(identities);
	tlsmith_cert_options opt;
	tlsmith_load_options load = TLSMITH_LOAD_OPTIONS_INIT;
	size_t len;
	void *data;

	tlsmith_identity_free(*place);
	switch (byte() % 5) {
	case 0: options(&opt); *place = tlsmith_gen_ca(&opt); break;
	case 1: options(&opt); *place = tlsmith_issue_cert(authority, text(), &opt); break;
	case 2: options(&opt); *place = tlsmith_self_signed(text(), &opt); break;
	case 3: options(&opt); *place = tlsmith_sign_csr(authority, ANY(requests), &opt); break;
	default:
		data = bytes(&len);
		load.password = byte() & 1 ? text() : NULL;
		load.flags = byte() & 1;
		*place = byte() & 1 ? tlsmith_identity_load_mem(data, len, data, len, &load)
		                    : tlsmith_identity_load_mem(data, len, NULL, 0, &load);
		free(data);
		break;
	}
	if (*place == NULL)
		check_text(tlsmith_last_error());
	check_text(tlsmith_identity_cert_pem(*place));
	check_text(tlsmith_identity_key_pem(*place));
	read_certificate(tlsmith_identity_cert(*place, byte()));
}

static void make_request(void)
{
	tlsmith_csr **place = &ANY(requests);
	tlsmith_cert_options opt;
	tlsmith_crl *crl;

	tlsmith_csr_free(*place);
	options(&opt);
	*place = tlsmith_gen_csr(text(), &opt);
	check_text(tlsmith_csr_pem(*place));
	check_text(tlsmith_csr_name(*place, byte(), NULL));
	check_text(tlsmith_csr_text(*place));
	crl = tlsmith_gen_crl(ANY(identities), text(), byte());
	check_text(tlsmith_crl_pem(crl));
	check_text(tlsmith_crl_text(crl));
	tlsmith_crl_free(crl);
}

void make_calls(const uint8_t *data, size_t len)
{
	if (authority == NULL)
		set_up();
	input = data;
	input_end = data + len;
	for (int i = 0; i < KEPT; i++)
		flags[i] = byte();
	while (input < input_end) {
		switch (byte() % 12) {
		case 0: make_context(); break;
		case 1: case 2: set_context(ANY(contexts)); break;
		case 3: make_connection(); break;
		case 4: make_identity(); break;
		case 5: make_request(); break;
		default: use_connection(ANY(connections)); break;
		}
	}
	for (int i = 0; i < KEPT; i++) {
		tlsmith_ctx_free(contexts[i]);
		tlsmith_identity_free(identities[i]);
		tlsmith_csr_free(requests[i]);
		tlsmith_conn_free(connections[i]);
		contexts[i] = NULL;
		identities[i] = NULL;
		requests[i] = NULL;
		connections[i] = NULL;
	}
}
