/* Versions, cipher suites, groups, application protocols and record sizes, as both sides
 * negotiate them. */
#include <stdlib.h>

#include "check.h"
#include "memory.h"

static void names_select_what_is_negotiated(void)
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

static void records_obey_the_configured_maximum(void)
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

static void server_uses_its_own_cipher_order_on_request(void)
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

static void server_ignores_unknown_protocols_on_request(void)
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

static void client_retries_with_the_group_of_the_server(void)
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

int main(void)
{
	begin_all();
	names_select_what_is_negotiated();
	records_obey_the_configured_maximum();
	server_uses_its_own_cipher_order_on_request();
	server_ignores_unknown_protocols_on_request();
	client_retries_with_the_group_of_the_server();
	end_all();
	return failures != 0;
}
