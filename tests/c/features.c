/* What can be set on a context and asked of a connection, between two of our own
 * over memory. */
#include <stdlib.h>

#include "check.h"
#include "memory.h"

/* NULL as the compiler cannot see it: where it can, it refuses to build. */
static void *volatile nothing;

static void names_choose_what_is_agreed(void)
{
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3, http/1.1,h2");
	tlsmith_ctx_set_alpn(p.server_ctx, "h2,http/1.1");
	tlsmith_ctx_set_ciphers(p.client_ctx, "TLS_CHACHA20_POLY1305_SHA256");
	tlsmith_ctx_set_groups(p.client_ctx, "secp384r1");
	CHECK(meet(&p, "localhost") == 0 && p.server_status == 0);
	CHECK_TEXT(tlsmith_conn_alpn(p.client), "h2");
	CHECK_TEXT(tlsmith_conn_alpn(p.server), "h2");
	CHECK_TEXT(tlsmith_conn_cipher(p.server), "TLS_CHACHA20_POLY1305_SHA256");
	CHECK_TEXT(tlsmith_conn_group(p.server), "secp384r1");
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_verify_schemes(p.client_ctx, "ed25519,ecdsa_secp256r1_sha256");
	tlsmith_ctx_set_signing_schemes(p.server_ctx, "ecdsa_secp256r1_sha256");
	CHECK(meet(&p, "localhost") == 0);
	CHECK_TEXT(tlsmith_conn_signature(p.client), "ecdsa_secp256r1_sha256");
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_verify_schemes(p.client_ctx, "ed25519");
	meet(&p, "localhost");
	CHECK_FAILS(p.server_status, TLSMITH_ERR_NO_COMMON, tlsmith_conn_error(p.server), "signature");
	stop(&p);

	/* A list of one version leaves the other one alone. */
	prepare(&p);
	tlsmith_ctx_set_ciphers(p.server_ctx, "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384");
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_conn_version(p.client) == TLSMITH_TLS1_3);
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_ciphers(p.server_ctx, "TLS_AES_128_GCM_SHA256");
	tlsmith_ctx_set_versions(p.client_ctx, TLSMITH_TLS1_2, TLSMITH_TLS1_2);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_conn_version(p.client) == TLSMITH_TLS1_2);
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_ciphers(p.server_ctx, "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384");
	tlsmith_ctx_set_versions(p.server_ctx, TLSMITH_TLS1_2, TLSMITH_TLS1_2);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_conn_version(p.client) == TLSMITH_TLS1_2);
	CHECK_TEXT(tlsmith_conn_cipher(p.client), "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
	CHECK_FAILS(tlsmith_conn_key_update(p.client), TLSMITH_ERR_UNSUPPORTED, tlsmith_conn_error(p.client),
	    "TLS 1.2");
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3");
	tlsmith_ctx_set_alpn(p.server_ctx, "h2");
	CHECK_FAILS(meet(&p, "localhost"), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client),
	    "no_application_protocol");
	CHECK_FAILS(p.server_status, TLSMITH_ERR_NO_COMMON, tlsmith_conn_error(p.server), "ALPN");
	stop(&p);

	prepare(&p);
	tlsmith_ctx_set_groups(p.client_ctx, "secp256r1");
	tlsmith_ctx_set_groups(p.server_ctx, "secp384r1");
	meet(&p, "localhost");
	CHECK_FAILS(p.server_status, TLSMITH_ERR_NO_COMMON, tlsmith_conn_error(p.server), "group");
	stop(&p);
}

static void records_are_no_longer_than_allowed(void)
{
	static const char data[2000];
	unsigned char record[600];
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_max_fragment(p.client_ctx, 512);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(tlsmith_write(p.client, data, sizeof data) == sizeof data);
	/* The length of the first one, which also holds a content type and a tag. */
	CHECK(tlsmith_drain(p.client, record, sizeof record) == sizeof record);
	CHECK(record[3] * 256 + record[4] == 512 + 17);
	stop(&p);
}

static int64_t tell(void *userdata)
{
	return *(const int64_t *)userdata;
}

static void a_clock_says_when_certificates_have_to_be_valid(void)
{
	const tlsmith_cert *cert = tlsmith_identity_cert(localhost, 0);
	int64_t now = tlsmith_cert_not_after(cert) + 1;
	struct pair p;

	for (int late = 0; late < 2; late++) {
		prepare(&p);
		CHECK(tlsmith_ctx_set_clock(p.client_ctx, tell, &now) == 0);
		if (late) {
			CHECK_FAILS(meet(&p, "localhost"), TLSMITH_ERR_CERT_EXPIRED,
			    tlsmith_conn_error(p.client), "expired");
			now = tlsmith_cert_not_after(cert) - 1;
		} else {
			now = tlsmith_cert_not_before(cert);
			CHECK(meet(&p, "localhost") == 0);
			now = tlsmith_cert_not_after(cert) + 1;
		}
		stop(&p);
	}
	CHECK_SETTER(tlsmith_ctx_set_clock(ctx, NULL, &now), TLSMITH_ERR_ARG, "clock");
	CHECK(tlsmith_ctx_set_clock(NULL, tell, &now) == TLSMITH_ERR_ARG);
}

static void a_server_prefers_its_own_order_where_it_is_told_to(void)
{
	struct pair p;

	for (int own = 0; own < 2; own++) {
		prepare(&p);
		tlsmith_ctx_set_ciphers(p.client_ctx, "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384");
		tlsmith_ctx_set_ciphers(p.server_ctx, "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256");
		if (own)
			CHECK(tlsmith_ctx_prefer_own_ciphers(p.server_ctx) == 0);
		CHECK(meet(&p, "localhost") == 0);
		CHECK_TEXT(tlsmith_conn_cipher(p.client),
		    own ? "TLS_AES_256_GCM_SHA384" : "TLS_AES_128_GCM_SHA256");
		stop(&p);
	}
	CHECK(tlsmith_ctx_prefer_own_ciphers(NULL) == TLSMITH_ERR_ARG);
}

static void a_server_ignores_unknown_protocols_where_it_is_told_to(void)
{
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3");
	tlsmith_ctx_set_alpn(p.server_ctx, "h2");
	CHECK(tlsmith_ctx_ignore_unknown_alpn(p.server_ctx) == 0);
	CHECK(meet(&p, "localhost") == 0);
	CHECK_TEXT(tlsmith_conn_alpn(p.server), "");
	stop(&p);
	CHECK(tlsmith_ctx_ignore_unknown_alpn(NULL) == TLSMITH_ERR_ARG);
}

static void a_certificate_has_the_serial_the_url_and_the_extensions_it_is_given(void)
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

static void an_identity_is_for_peers_that_name_its_issuer(void)
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

static void a_second_hello_where_the_first_guessed_wrong(void)
{
	uint64_t usual, received, sent;
	struct pair p;

	prepare(&p);
	CHECK(tlsmith_conn_handshake_bytes(NULL, &received, &sent) == TLSMITH_ERR_ARG);
	tlsmith_ctx_set_groups(p.client_ctx, "x25519,secp384r1");
	tlsmith_ctx_set_groups(p.server_ctx, "x25519");
	connect_only(&p, "localhost");
	CHECK(tlsmith_conn_handshake_bytes(p.client, &received, &sent) == TLSMITH_ERR_STATE);
	CHECK(shake(&p) == 0);
	CHECK(tlsmith_conn_handshake_bytes(p.client, &received, &usual) == 0);
	CHECK(received > 500 && usual > 150);
	CHECK(tlsmith_conn_handshake_bytes(p.client, NULL, NULL) == 0);
	stop(&p);

	/* The client's first key share is of no use (RFC 8446, section 4.1.4). */
	prepare(&p);
	tlsmith_ctx_set_groups(p.client_ctx, "x25519,secp384r1");
	tlsmith_ctx_set_groups(p.server_ctx, "secp384r1");
	CHECK(meet(&p, "localhost") == 0);
	CHECK_TEXT(tlsmith_conn_group(p.client), "secp384r1");
	CHECK(tlsmith_conn_handshake_bytes(p.client, &received, &sent) == 0);
	CHECK(sent > usual + 150);
	stop(&p);
}

static void a_server_has_an_identity_for_each_name(void)
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

static void pins_and_single_certificates(void)
{
	const tlsmith_cert *leaf = tlsmith_identity_cert(localhost, 0);
	const tlsmith_cert *root = tlsmith_identity_cert(ca, 0);
	tlsmith_identity *self = tlsmith_self_signed("nobody.example", NULL);
	tlsmith_identity *other = tlsmith_self_signed("nobody.example", NULL);
	const char *pins[] = { tlsmith_cert_spki_sha256(leaf), tlsmith_cert_spki_sha256(root) };
	const char *wrong = tlsmith_cert_spki_sha256(tlsmith_identity_cert(self, 0));
	struct pair p;
	int i;

	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_add_pin(p.client_ctx, wrong);
		tlsmith_ctx_add_pin(p.client_ctx, pins[i]);
		CHECK(meet(&p, "localhost") == 0);
		stop(&p);
	}
	prepare(&p);
	tlsmith_ctx_add_pin(p.client_ctx, wrong);
	CHECK_FAILS(meet(&p, "localhost"), TLSMITH_ERR_CERT_PIN_MISMATCH,
	    tlsmith_conn_error(p.client), pins[0]);
	CHECK(p.server_status == TLSMITH_ERR_ALERT);
	CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL);
	CHECK(tlsmith_conn_verified_cert(p.client, 0) == NULL);
	stop(&p);

	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_free(p.server_ctx);
		p.server_ctx = tlsmith_ctx_new();
		tlsmith_ctx_use(p.server_ctx, i ? other : self);
		tlsmith_ctx_free(p.client_ctx);
		p.client_ctx = tlsmith_ctx_new();
		tlsmith_ctx_trust_certificate(p.client_ctx,
		    tlsmith_cert_sha256(tlsmith_identity_cert(self, 0)));
		CHECK(meet(&p, "whatever.example") == (i ? TLSMITH_ERR_CERT_UNKNOWN_ISSUER : 0));
		stop(&p);
	}
	tlsmith_identity_free(self);
	tlsmith_identity_free(other);
}

static void append_certificate(const char *path, const char *mode, const tlsmith_identity *id)
{
	FILE *file = fopen(path, mode);

	if (!CHECK(file != NULL))
		return;
	fputs(tlsmith_cert_pem(tlsmith_identity_cert(id, 0)), file);
	fclose(file);
}

/* A file with several certificates is a set of roots, and not one peer. */
static void files_of_several_certificates(void)
{
	static const char path[] = "several.pem";
	tlsmith_identity *devices[2];
	struct pair p;
	int i;

	for (i = 0; i < 2; i++) {
		devices[i] = tlsmith_self_signed("localhost", NULL);
		append_certificate(path, i ? "a" : "w", devices[i]);
	}
	CHECK_SETTER(tlsmith_ctx_trust_certificate(ctx, "./several.pem"), TLSMITH_ERR_PARSE,
	    "contains 2 certificates, and each would be trusted");
	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_free(p.server_ctx);
		p.server_ctx = tlsmith_ctx_new();
		tlsmith_ctx_use(p.server_ctx, devices[i]);
		tlsmith_ctx_free(p.client_ctx);
		p.client_ctx = tlsmith_ctx_new();
		tlsmith_ctx_add_roots(p.client_ctx, path);
		CHECK(meet(&p, "localhost") == 0);
		CHECK_TEXT(tlsmith_cert_sha256(tlsmith_conn_peer_cert(p.client, 0)),
		    tlsmith_cert_sha256(tlsmith_identity_cert(devices[i], 0)));
		stop(&p);
	}
	for (i = 0; i < 2; i++)
		tlsmith_identity_free(devices[i]);
	remove(path);
}

/* Certificates that are legal and rare, which run.sh makes: nobody who is accepted is
 * nobody. */
static void peers_with_odd_certificates_are_shown(void)
{
	enum { VERIFIED, INSECURE, PINNED, MODES };
	static const char *const kinds[] = { "arc", "long", "purpose", "name" };
	const char *folder = getenv("TLSMITH_ODD");
	char path[512], key[512];
	struct pair p;
	size_t i;
	int mode;

	if (!CHECK(folder != NULL))
		return;
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (mode = 0; mode < MODES; mode++) {
			tlsmith_identity *odd;
			const char *sha256;

			snprintf(path, sizeof path, "%s/%s.pem", folder, kinds[i]);
			snprintf(key, sizeof key, "%s/%s.key", folder, kinds[i]);
			odd = tlsmith_identity_load_chain(path);
			sha256 = tlsmith_cert_sha256(tlsmith_identity_cert(odd, 0));
			prepare(&p);
			tlsmith_ctx_free(p.server_ctx);
			p.server_ctx = tlsmith_ctx_new();
			tlsmith_ctx_use_cert(p.server_ctx, path, key);
			tlsmith_ctx_free(p.client_ctx);
			p.client_ctx = tlsmith_ctx_new();
			if (mode == VERIFIED)
				tlsmith_ctx_add_roots(p.client_ctx, path);
			else if (mode == INSECURE)
				tlsmith_ctx_insecure_no_verify(p.client_ctx);
			else
				tlsmith_ctx_trust_certificate(p.client_ctx, sha256);
			CHECK(meet(&p, "localhost") == 0);
			if (CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL))
				CHECK_TEXT(tlsmith_cert_sha256(tlsmith_conn_peer_cert(p.client, 0)), sha256);
			stop(&p);
			tlsmith_identity_free(odd);
		}
}

static void ocsp_responses_go_through(void)
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

static void both_sides_export_the_same(void)
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

static void keys_change_on_request(void)
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

static void slices_are_written_as_one(void)
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

static void a_report_has_every_line(void)
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
	names_choose_what_is_agreed();
	records_are_no_longer_than_allowed();
	a_clock_says_when_certificates_have_to_be_valid();
	a_server_prefers_its_own_order_where_it_is_told_to();
	a_server_ignores_unknown_protocols_where_it_is_told_to();
	a_certificate_has_the_serial_the_url_and_the_extensions_it_is_given();
	an_identity_is_for_peers_that_name_its_issuer();
	a_second_hello_where_the_first_guessed_wrong();
	a_server_has_an_identity_for_each_name();
	pins_and_single_certificates();
	files_of_several_certificates();
	peers_with_odd_certificates_are_shown();
	ocsp_responses_go_through();
	both_sides_export_the_same();
	keys_change_on_request();
	slices_are_written_as_one();
	a_report_has_every_line();
	end_all();
	return failures != 0;
}
