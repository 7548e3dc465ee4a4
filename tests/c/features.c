/* Identities, exported keying material, key updates, OCSP and reports of connections over
 * memory. */
#include <stdlib.h>

#include "check.h"
#include "memory.h"

/* NULL as the compiler cannot see it: where it can, it refuses to build. */
static void *volatile nothing;

static void certificate_has_the_given_serial_url_and_extensions(void)
{
	static const char *const bad[] = {
		"1.2.3.4", "1.2.3.4=", "=0500", "1.2.3.4=050", "1.2.3.4=05zz", "x=0500",
		"critical:", "CRITICAL:1.2.3.4=0500", "1.2.3.4=0500,", "2.5.29.17=0500", "+1.2.3.4=0500",
	};
	static const char *const serials[] = { "", "x", "-1", "00", "f" };
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *id;
	const char *text;

	opt.serial = "0123456789abcdef";
	opt.ocsp_url = "http://ocsp.example/";
	opt.extensions = "1.3.6.1.5.5.7.1.24=3003020105, critical:1.2.3.4=0500";
	id = tlsmith_issue_cert(ca, "localhost", &opt);
	CHECK(id != NULL);
	text = tlsmith_cert_text(tlsmith_identity_cert(id, 0));
	CHECK_TEXT(tlsmith_cert_serial(tlsmith_identity_cert(id, 0)), opt.serial);
	CHECK_TEXT(tlsmith_cert_ocsp_url(tlsmith_identity_cert(id, 0), 0), opt.ocsp_url);
	CHECK(strstr(text, "1.2.3.4") != NULL && strstr(text, "critical") != NULL);
	tlsmith_identity_free(id);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		opt.extensions = bad[i];
		if (!CHECK(tlsmith_issue_cert(ca, "localhost", &opt) == NULL))
			fprintf(stderr, "%s\n", bad[i]);
	}
	opt.extensions = NULL;
	for (size_t i = 0; i < sizeof serials / sizeof *serials; i++) {
		opt.serial = serials[i];
		if (!CHECK(tlsmith_issue_cert(ca, "localhost", &opt) == NULL))
			fprintf(stderr, "%s\n", serials[i]);
	}
	opt.serial = NULL;
	opt.ocsp_url = "\xff";
	CHECK(tlsmith_issue_cert(ca, "localhost", &opt) == NULL);
}

static void identity_is_presented_only_to_peers_naming_its_issuer(void)
{
	tlsmith_cert_options options = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *other = (options.common_name = "other CA", tlsmith_gen_ca(&options));
	tlsmith_identity *user = tlsmith_issue_cert(ca, "alice@example.org", NULL);
	const char *pem;
	struct pair p;
	int known;

	for (known = 0; known < 2; known++) {
		pem = tlsmith_identity_cert_pem(known ? ca : other);
		prepare(&p);
		tlsmith_ctx_add_roots_mem(p.server_ctx, pem, strlen(pem));
		tlsmith_ctx_set_client_auth(p.server_ctx, TLSMITH_CLIENT_AUTH_OPTIONAL);
		tlsmith_ctx_use(p.client_ctx, user);
		tlsmith_ctx_match_issuer(p.client_ctx);
		CHECK(meet(&p, "localhost") == 0 && p.server_status == 0);
		CHECK((tlsmith_conn_peer_cert(p.server, 0) != NULL) == known);
		stop(&p);
	}
	tlsmith_identity_free(user);
	tlsmith_identity_free(other);
}

static void server_selects_the_identity_by_name(void)
{
	tlsmith_identity *a = tlsmith_issue_cert(ca, "a.example", NULL);
	tlsmith_identity *wild = tlsmith_issue_cert(ca, "*.site.example", NULL);
	static const struct { const char *asked, *shown; } cases[] = {
		{ "localhost", "localhost" }, { "a.example", "a.example" },
		{ "b.site.example", "*.site.example" },
	};
	struct pair p;
	size_t i;

	for (i = 0; i < 3; i++) {
		prepare(&p);
		tlsmith_ctx_use(p.server_ctx, wild);
		tlsmith_ctx_use(p.server_ctx, a);
		CHECK(meet(&p, cases[i].asked) == 0);
		CHECK_TEXT(tlsmith_cert_name(tlsmith_conn_peer_cert(p.client, 0), 0, NULL), cases[i].shown);
		CHECK_TEXT(tlsmith_conn_server_name(p.server), cases[i].asked);
		stop(&p);
	}

	/* Another name gets the first identity, or alert 112. */
	prepare(&p);
	CHECK(meet(&p, "other.example") == TLSMITH_ERR_CERT_NAME_MISMATCH);
	stop(&p);
	prepare(&p);
	tlsmith_ctx_require_known_name(p.server_ctx);
	CHECK(meet(&p, "localhost") == 0);
	stop(&p);
	prepare(&p);
	tlsmith_ctx_require_known_name(p.server_ctx);
	CHECK_FAILS(meet(&p, "other.example"), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client),
	    "unrecognized_name");
	CHECK(tlsmith_conn_alert(p.client) == 112);
	CHECK_FAILS(p.server_status, TLSMITH_ERR_NO_COMMON, tlsmith_conn_error(p.server),
	    "'other.example'");
	stop(&p);
	tlsmith_identity_free(a);
	tlsmith_identity_free(wild);
}

static void server_staples_ocsp_responses(void)
{
	static const unsigned char der[] = { 0x30, 3, 0x0a, 1, 0 };
	const unsigned char *got;
	size_t len = 7;
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_ocsp(p.server_ctx, der, sizeof der);
	CHECK(meet(&p, "localhost") == 0);
	got = tlsmith_conn_peer_ocsp(p.client, &len);
	CHECK(len == sizeof der && got != NULL && memcmp(got, der, len) == 0);
	CHECK(tlsmith_conn_peer_ocsp(p.client, NULL) == got);
	CHECK(tlsmith_conn_peer_ocsp(p.server, &len) == NULL && len == 0);
	CHECK(strstr(tlsmith_conn_report(p.client), "5 bytes, not verified") != NULL);
	stop(&p);
}

static void both_sides_export_the_same_keying_material(void)
{
	static const int versions[] = { 0x0303, 0x0304 };
	unsigned char with[2][48], without[2][48], empty[48];
	char label[301];
	struct pair p;
	int i;

	memset(label, 'x', 300);
	label[300] = 0;
	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_set_versions(p.server_ctx, versions[i], versions[i]);
		connect_only(&p, "localhost");
		CHECK_FAILS(tlsmith_conn_export(p.client, "EXPORTER-x", NULL, 0, with[0], 48),
		    TLSMITH_ERR_STATE, tlsmith_conn_error(p.client), "handshake");
		CHECK(shake(&p) == 0 && tlsmith_conn_version(p.client) == versions[i]);
		CHECK(tlsmith_conn_export(p.client, "EXPORTER-x", "abc", 3, with[0], 48) == 0);
		CHECK(tlsmith_conn_export(p.server, "EXPORTER-x", "abc", 3, with[1], 48) == 0);
		CHECK(tlsmith_conn_export(p.client, "EXPORTER-x", NULL, 0, without[0], 48) == 0);
		CHECK(tlsmith_conn_export(p.server, "EXPORTER-x", NULL, 0, without[1], 48) == 0);
		CHECK(memcmp(with[0], with[1], 48) == 0);
		CHECK(memcmp(without[0], without[1], 48) == 0);
		CHECK(memcmp(with[0], without[0], 48) != 0);
		CHECK(tlsmith_conn_export(p.client, "EXPORTER-x", "", 0, empty, 48) == 0);
		CHECK((memcmp(empty, without[0], 48) == 0) == (versions[i] == 0x0304));
		CHECK(tlsmith_conn_export(p.server, "EXPORTER-y", "abc", 3, with[1], 48) == 0);
		CHECK(memcmp(with[0], with[1], 48) != 0);
		CHECK(tlsmith_conn_export(p.client, NULL, NULL, 0, empty, 48) == TLSMITH_ERR_ARG);
		CHECK_FAILS(tlsmith_conn_export(p.client, label, NULL, 0, empty, 48), TLSMITH_ERR_ARG,
		    tlsmith_conn_error(p.client), "300 bytes");
		CHECK(tlsmith_conn_export(p.client, "EXPORTER-x", NULL, 0, empty, 0) == TLSMITH_ERR_ARG);
		CHECK(tlsmith_conn_export(p.client, "EXPORTER-x", nothing, 5, empty, 48) == TLSMITH_ERR_ARG);
		stop(&p);
	}
}

static void keys_update_on_request(void)
{
	struct pair p;
	char buf[100];
	int i;

	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	for (i = 0; i < 5; i++) {
		CHECK(tlsmith_conn_key_update(i % 2 ? p.server : p.client) == 0);
		/* It is out already, with nothing written after it. */
		CHECK(carry(i % 2 ? p.server : p.client, i % 2 ? p.client : p.server) > 20);
		CHECK(tlsmith_write(p.client, "to", 2) == 2);
		carry(p.client, p.server);
		CHECK(tlsmith_read(p.server, buf, sizeof buf) == 2);
		CHECK(tlsmith_write(p.server, "fro", 3) == 3);
		carry(p.server, p.client);
		CHECK(tlsmith_read(p.client, buf, sizeof buf) == 3);
		carry(p.client, p.server);
	}
	stop(&p);
}

static void vectored_write_sends_all_parts(void)
{
	tlsmith_slice slices[] = { { "ab", 2 }, { NULL, 0 }, { "cde", 3 } };
	struct pair p;
	char buf[100];

	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_writev(p.client, slices, 3) == 5);
	carry(p.client, p.server);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 5 && memcmp(buf, "abcde", 5) == 0);
	CHECK(tlsmith_writev(p.client, NULL, 0) == 0);
	CHECK(tlsmith_writev(p.client, slices, 0) == 0);
	slices[1].len = 1;
	CHECK_FAILS(tlsmith_writev(p.client, slices, 3), TLSMITH_ERR_ARG, tlsmith_conn_error(p.client),
	    "NULL");
	slices[0].len = slices[2].len = PTRDIFF_MAX;
	CHECK_FAILS(tlsmith_writev(p.client, slices, 3), TLSMITH_ERR_ARG, tlsmith_conn_error(p.client),
	    "exceeds the address space");
	stop(&p);
}

/* An ECHConfigList (RFC 9849, section 4) of the public name localhost: X25519, with the base
 * point as the key, HKDF-SHA256 and AES-128-GCM. */
static const uint8_t ech_list[] = {
	0, 60, 0xfe, 0x0d, 0, 56, 1, 0, 0x20, 0, 32, 9, [43] = 0, 4, 0, 1, 0, 1, 0, 9,
	'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0, 0,
};

static void report_has_every_line(void)
{
	static const char *const lines[] = {
		"Certificate 0:", "CN=localhost", "issued by", "key ecdsa-p256", "valid from",
		"Verified, depth 1:", "Verification:", "Version:             TLS 1.3",
		"Cipher suite:        TLS_", "Key exchange group:  X25519MLKEM768",
		"Peer signed with:    ecdsa_secp256r1_sha256", "Server name:         localhost",
		"ALPN:                none", "Session:             new", "Early data:          none",
		"Encrypted hello:     none", "OCSP response:       none", "Handshake:           ",
		"Tickets:             2 (for ",
	};
	struct pair p;
	size_t i, len;

	prepare(&p);
	connect_only(&p, "localhost");
	CHECK(strstr(tlsmith_conn_report(p.client), "not complete") != NULL);
	CHECK(shake(&p) == 0);
	take_tickets(&p);
	CHECK(tlsmith_conn_tickets(p.client) == 2);
	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!CHECK(strstr(tlsmith_conn_report(p.client), lines[i]) != NULL))
			fprintf(stderr, "no '%s' in\n%s\n", lines[i], tlsmith_conn_report(p.client));
	CHECK(tlsmith_conn_ech(p.client) == TLSMITH_ECH_NONE);
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_ech(p.client_ctx, NULL, 0);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_conn_ech(p.client) == TLSMITH_ECH_GREASE);
	CHECK(tlsmith_conn_ech(p.server) == TLSMITH_ECH_NONE);
	stop(&p);

	/* A server without ECH has nothing to retry with. */
	prepare(&p);
	tlsmith_ctx_set_ech(p.client_ctx, ech_list, sizeof ech_list);
	CHECK(meet(&p, "secret.test") == TLSMITH_ERR_NO_COMMON);
	CHECK(tlsmith_conn_ech(p.client) == TLSMITH_ECH_REJECTED);
	CHECK(strstr(tlsmith_conn_error(p.client), "connect without ECH") != NULL);
	CHECK(tlsmith_conn_ech_retry_configs(p.client, &len) == NULL && len == 0);
	stop(&p);
}

int main(void)
{
	begin_all();
	certificate_has_the_given_serial_url_and_extensions();
	identity_is_presented_only_to_peers_naming_its_issuer();
	server_selects_the_identity_by_name();
	server_staples_ocsp_responses();
	both_sides_export_the_same_keying_material();
	keys_update_on_request();
	vectored_write_sends_all_parts();
	report_has_every_line();
	end_all();
	return failures != 0;
}
