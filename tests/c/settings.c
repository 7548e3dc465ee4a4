/* Settings of one connection, and servers that stop at the ClientHello. */
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "memory.h"

static void connection_uses_its_own_protocols(void)
{
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3");
	tlsmith_ctx_set_alpn(p.server_ctx, "h2");
	for (int turn = 0; turn < 2; turn++) {
		p.client = tlsmith_conn_new(p.client_ctx);
		p.server = tlsmith_conn_new(p.server_ctx);
		CHECK(tlsmith_conn_set_alpn(p.client, turn ? "mqtt,imap" : "") == 0);
		CHECK(tlsmith_conn_set_alpn(p.server, "imap") == 0);
		CHECK(tlsmith_connect_mem(p.client, "localhost") == 0);
		CHECK(tlsmith_accept_mem(p.server) == 0);
		CHECK(shake(&p) == 0);
		CHECK_TEXT(tlsmith_conn_alpn(p.client), turn ? "imap" : "");
		CHECK_TEXT(tlsmith_conn_alpn(p.server), turn ? "imap" : "");
		part(&p);
	}
	/* The context is as it was. */
	CHECK_FAILS(meet(&p, "localhost"), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client),
	    "no_application_protocol");
	stop(&p);
}

static const char *peer(const tlsmith_conn *conn)
{
	return tlsmith_cert_subject(tlsmith_conn_peer_cert(conn, 0));
}

static void connection_presents_its_own_identity(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *alice, *bob, *other;
	struct pair p;

	opt.usage = TLSMITH_USAGE_CLIENT;
	alice = tlsmith_issue_cert(ca, "alice.example", &opt);
	bob = tlsmith_issue_cert(ca, "bob.example", &opt);
	other = tlsmith_issue_cert(ca, "localhost,other.example", NULL);
	prepare(&p);
	tlsmith_ctx_use(p.client_ctx, alice);
	const char *pem = tlsmith_identity_cert_pem(ca);
	tlsmith_ctx_add_roots_mem(p.server_ctx, pem, strlen(pem));
	tlsmith_ctx_set_client_auth(p.server_ctx, TLSMITH_CLIENT_AUTH_REQUIRED);
	for (int turn = 0; turn < 4; turn++) {
		p.client = tlsmith_conn_new(p.client_ctx);
		p.server = tlsmith_conn_new(p.server_ctx);
		if (turn % 2) {
			CHECK(tlsmith_conn_set_identity(p.client, bob) == 0);
			CHECK(tlsmith_conn_set_identity(p.server, other) == 0);
		}
		CHECK(tlsmith_connect_mem(p.client, "localhost") == 0);
		CHECK(tlsmith_accept_mem(p.server) == 0);
		CHECK(shake(&p) == 0);
		take_tickets(&p);
		/* A session is that of its identity, and is resumed as that. */
		CHECK(tlsmith_conn_resumed(p.client) == (turn >= 2));
		CHECK_TEXT(peer(p.server), turn % 2 ? "CN=bob.example" : "CN=alice.example");
		part(&p);
	}
	stop(&p);
	tlsmith_identity_free(alice);
	tlsmith_identity_free(bob);
	tlsmith_identity_free(other);
}

static void requested_name_is_separate_from_verified_name(void)
{
	static const struct { int set; const char *name, *heard; } rows[] = {
		{ 0, NULL, "localhost" },
		{ 1, NULL, "" },
		{ 1, "front.example", "front.example" },
		{ 1, "other.example", "other.example" },
	};
	struct pair p;

	prepare(&p);
	for (int resumed = 0; resumed < 2; resumed++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			p.client = tlsmith_conn_new(p.client_ctx);
			p.server = tlsmith_conn_new(p.server_ctx);
			if (rows[i].set)
				CHECK(tlsmith_conn_set_server_name(p.client, rows[i].name) == 0);
			CHECK(tlsmith_connect_mem(p.client, "localhost") == 0);
			CHECK(tlsmith_accept_mem(p.server) == 0);
			CHECK(shake(&p) == 0);
			take_tickets(&p);
			CHECK_TEXT(tlsmith_conn_server_name(p.server), rows[i].heard);
			CHECK(tlsmith_conn_resumed(p.client) || !resumed);
			part(&p);
		}
	/* Whatever is requested, the certificate has to be for the other name: also where a
	 * session could be resumed that began with another check. */
	p.client = tlsmith_conn_new(p.client_ctx);
	p.server = tlsmith_conn_new(p.server_ctx);
	CHECK(tlsmith_conn_set_server_name(p.client, "front.example") == 0);
	CHECK(tlsmith_connect_mem(p.client, "wrong.example") == 0);
	CHECK(tlsmith_accept_mem(p.server) == 0);
	CHECK_FAILS(shake(&p), TLSMITH_ERR_CERT_NAME_MISMATCH, tlsmith_conn_error(p.client), "wrong.example");
	stop(&p);
}

static void bad_settings_fail_the_connection(void)
{
	static const char *const names[] = { "127.0.0.1", "::1", "a b", "", "\xff", "x..y" };
	tlsmith_identity *without_key =
	    tlsmith_identity_load_chain_mem(tlsmith_identity_cert_pem(localhost),
	        strlen(tlsmith_identity_cert_pem(localhost)));
	tlsmith_ctx *ctx = new_client_ctx();
	tlsmith_conn *c;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		c = tlsmith_conn_new(ctx);
		CHECK_FAILS(tlsmith_conn_set_server_name(c, names[i]), TLSMITH_ERR_ARG,
		    tlsmith_conn_error(c), "");
		CHECK(tlsmith_connect_mem(c, "localhost") == TLSMITH_ERR_ARG);
		tlsmith_conn_free(c);
	}
	c = tlsmith_conn_new(ctx);
	CHECK_FAILS(tlsmith_conn_set_identity(c, without_key), TLSMITH_ERR_STATE,
	    tlsmith_conn_error(c), "private key");
	CHECK_FAILS(tlsmith_connect_mem(c, "localhost"), TLSMITH_ERR_STATE, tlsmith_conn_error(c),
	    "private key");
	CHECK(tlsmith_conn_set_identity(c, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_alpn(c, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_ctx(c, NULL) == TLSMITH_ERR_ARG);
	tlsmith_conn_free(c);
	CHECK(tlsmith_conn_set_alpn(NULL, "h2") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_identity(NULL, localhost) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_server_name(NULL, "x") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_set_ctx(NULL, ctx) == TLSMITH_ERR_ARG);
	tlsmith_conn_set_userdata(NULL, ctx);
	CHECK(tlsmith_conn_userdata(NULL) == NULL);
	tlsmith_ctx_free(ctx);
	tlsmith_identity_free(without_key);
}

static void settings_must_precede_the_connection(void)
{
	struct pair p;

	prepare(&p);
	connect_only(&p, "localhost");
	CHECK_FAILS(tlsmith_conn_set_alpn(p.client, "h2"), TLSMITH_ERR_STATE,
	    tlsmith_conn_error(p.client), "before it is connected");
	CHECK(tlsmith_conn_set_ctx(p.client, p.client_ctx) == TLSMITH_ERR_STATE);
	/* Which spoils nothing; a server may be set up until it has answered. */
	CHECK(tlsmith_conn_set_identity(p.server, localhost) == 0);
	CHECK(shake(&p) == 0);
	CHECK(tlsmith_conn_set_identity(p.server, localhost) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_conn_set_server_name(p.server, NULL) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_accept_hello(p.server) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_accept_hello(p.client) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_conn_refuse(p.server, 40) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_conn_hello(p.server) == NULL && tlsmith_conn_hello(NULL) == NULL);
	CHECK(tlsmith_accept_hello(NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_refuse(NULL, 40) == TLSMITH_ERR_ARG);
	stop(&p);
	CHECK(tlsmith_hello_server_name(NULL) == NULL && tlsmith_hello_cipher(NULL, 0) == NULL);
	CHECK(tlsmith_hello_alpn(NULL, 0, NULL) == NULL && tlsmith_hello_version(NULL, 0) == 0);
	CHECK(tlsmith_hello_group(NULL, 0) == NULL && tlsmith_hello_scheme(NULL, 0) == NULL);
}

/* Both ends, and the server has stopped at the ClientHello. */
static void stop_at_hello(struct pair *p, const char *name)
{
	connect_only(p, name);
	CHECK(tlsmith_accept_hello(p->server) == TLSMITH_WANT_READ);
	CHECK(tlsmith_conn_hello(p->server) == NULL);
	CHECK(tlsmith_handshake(p->client) == TLSMITH_WANT_READ);
	CHECK(carry(p->client, p->server) > 0);
	CHECK(tlsmith_accept_hello(p->server) == 0);
	/* As often as it is asked. */
	CHECK(tlsmith_accept_hello(p->server) == 0);
	CHECK(carry(p->server, p->client) == 0);
}

static void *choose(void *argument)
{
	struct pair *p = argument;
	const tlsmith_hello *hello = tlsmith_conn_hello(p->server);
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_identity *id = tlsmith_issue_cert(ca, tlsmith_hello_server_name(hello), NULL);

	CHECK(tlsmith_ctx_use(ctx, id) == 0);
	CHECK(tlsmith_ctx_set_alpn(ctx, "h2") == 0);
	CHECK(tlsmith_conn_set_ctx(p->server, ctx) == 0);
	tlsmith_ctx_free(ctx);
	tlsmith_identity_free(id);
	return NULL;
}

static void server_pauses_at_the_hello_and_another_thread_answers(void)
{
	struct pair p;
	pthread_t thread;
	size_t len;

	prepare(&p);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3,h2");
	stop_at_hello(&p, "late.example");
	const tlsmith_hello *hello = tlsmith_conn_hello(p.server);
	CHECK_TEXT(tlsmith_hello_server_name(hello), "late.example");
	CHECK_TEXT((const char *)tlsmith_hello_alpn(hello, 0, &len), "h3");
	CHECK(len == 2 && tlsmith_hello_alpn(hello, 2, &len) == NULL && len == 0);
	CHECK(tlsmith_hello_version(hello, 0) == 0x0304 && tlsmith_hello_version(hello, 1) == 0x0303);
	CHECK(tlsmith_hello_version(hello, 2) == 0);
	CHECK(strncmp(tlsmith_hello_cipher(hello, 0), "TLS_", 4) == 0);
	CHECK_TEXT(tlsmith_hello_group(hello, 0), "X25519MLKEM768");
	CHECK(strchr(tlsmith_hello_scheme(hello, 0), '_') != NULL);
	CHECK(tlsmith_hello_cipher(hello, 999) == NULL && tlsmith_hello_group(hello, 999) == NULL);
	pthread_create(&thread, NULL, choose, &p);
	pthread_join(thread, NULL);
	CHECK(shake(&p) == 0);
	CHECK_TEXT(peer(p.client), "CN=late.example");
	CHECK_TEXT(tlsmith_conn_alpn(p.server), "h2");
	/* It stays there to be read. */
	CHECK(tlsmith_conn_hello(p.server) == hello);
	stop(&p);

	/* Without a decision the context answers. */
	prepare(&p);
	stop_at_hello(&p, "localhost");
	CHECK(shake(&p) == 0);
	stop(&p);
}

static void server_rejects_a_client_at_the_hello(void)
{
	struct pair p;

	prepare(&p);
	stop_at_hello(&p, "localhost");
	CHECK(tlsmith_conn_refuse(p.server, 256) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_conn_refuse(p.server, -1) == TLSMITH_ERR_ARG);
	CHECK_FAILS(tlsmith_conn_refuse(p.server, 0), TLSMITH_ERR_ARG, tlsmith_conn_error(p.server),
	    "close_notify");
	CHECK(tlsmith_conn_refuse(p.server, 112) == 0);
	CHECK(tlsmith_conn_refuse(p.server, 40) == TLSMITH_ERR_NO_COMMON);
	CHECK(tlsmith_accept_hello(p.server) == TLSMITH_ERR_NO_COMMON);
	CHECK(tlsmith_conn_set_alpn(p.server, "h2") == TLSMITH_ERR_NO_COMMON);
	CHECK(carry(p.server, p.client) == 7);
	CHECK_FAILS(tlsmith_handshake(p.client), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client),
	    "unrecognized_name");
	CHECK_FAILS(tlsmith_handshake(p.server), TLSMITH_ERR_NO_COMMON, tlsmith_conn_error(p.server),
	    "refused");
	CHECK(tlsmith_accept_hello(p.server) == TLSMITH_ERR_NO_COMMON);
	CHECK(tlsmith_conn_set_ctx(p.server, p.server_ctx) == TLSMITH_ERR_NO_COMMON);
	stop(&p);
}

static void failed_setter_at_the_hello_rejects_the_client(void)
{
	for (int turn = 0; turn < 3; turn++) {
		struct pair p;

		prepare(&p);
		stop_at_hello(&p, "localhost");
		if (turn == 0)
			CHECK(tlsmith_conn_set_ctx(p.server, NULL) == TLSMITH_ERR_ARG);
		else if (turn == 1)
			CHECK(tlsmith_conn_set_alpn(p.server, "a,,b") == TLSMITH_ERR_ARG);
		else
			CHECK(tlsmith_conn_set_identity(p.server, NULL) == TLSMITH_ERR_ARG);
		/* Also if a later one succeeds. */
		(void)tlsmith_conn_set_ctx(p.server, p.server_ctx);
		CHECK_FAILS(shake(&p), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client), "internal_error");
		CHECK(p.server_status == TLSMITH_ERR_ARG);
		stop(&p);
	}
}

static int refuse_all(void *userdata, tlsmith_conn *conn, const tlsmith_hello *hello)
{
	(void)conn, (void)hello;
	++*(int *)userdata;
	return 49;
}

static void callback_runs_unless_the_program_received_the_hello(void)
{
	int asked = 0;
	struct pair p;

	prepare(&p);
	tlsmith_ctx_set_hello(p.server_ctx, refuse_all, &asked);
	connect_only(&p, "localhost");
	CHECK(tlsmith_accept_hello(p.server) == TLSMITH_WANT_READ);
	CHECK_FAILS(shake(&p), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client), "access_denied");
	CHECK(asked == 1);
	part(&p);
	stop_at_hello(&p, "localhost");
	CHECK(tlsmith_conn_events(p.server) == 0);
	CHECK(shake(&p) == 0);
	CHECK(asked == 1);
	stop(&p);
}

static void other_messages_fail_at_the_hello_as_in_a_handshake(void)
{
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	tlsmith_ctx *ctx = new_server_ctx();
	tlsmith_conn *conn = tlsmith_conn_new(ctx), *handshake = tlsmith_conn_new(ctx);

	CHECK(tlsmith_accept_mem(conn) == 0 && tlsmith_accept_mem(handshake) == 0);
	CHECK(tlsmith_feed(conn, request, strlen(request)) == 0);
	CHECK(tlsmith_feed(handshake, request, strlen(request)) == 0);
	CHECK(tlsmith_accept_hello(conn) == TLSMITH_ERR_PROTOCOL);
	CHECK(tlsmith_handshake(handshake) == TLSMITH_ERR_PROTOCOL);
	CHECK_TEXT(tlsmith_conn_error(conn), tlsmith_conn_error(handshake));
	tlsmith_conn_free(conn);
	tlsmith_conn_free(handshake);
	conn = tlsmith_conn_new(ctx);
	CHECK(tlsmith_accept_hello(conn) == TLSMITH_ERR_STATE);
	tlsmith_conn_free(conn);
	tlsmith_ctx_free(ctx);
}

static void rejected_peer_keeps_its_certificates_readable(void)
{
	struct pair p;

	for (int turn = 0; turn < 2; turn++) {
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, 0x0304 - turn, 0x0304 - turn);
		connect_only(&p, "wrong.example");
		CHECK(tlsmith_conn_peer_cert(p.client, 0) == NULL);
		CHECK(shake(&p) == TLSMITH_ERR_CERT_NAME_MISMATCH);
		CHECK_TEXT(peer(p.client), "CN=localhost");
		CHECK(tlsmith_conn_peer_cert(p.client, 1) == NULL);
		CHECK(tlsmith_conn_verified_cert(p.client, 0) == NULL);
		stop(&p);
	}
}

static void client_knows_whether_a_certificate_was_requested(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *alice;

	opt.usage = TLSMITH_USAGE_CLIENT;
	alice = tlsmith_issue_cert(ca, "alice.example", &opt);
	for (int turn = 0; turn < 12; turn++) {
		int mode = turn % 3, has_identity = turn / 3 % 2, version = 0x0303 + turn / 6;
		struct pair p;

		prepare(&p);
		const char *pem = tlsmith_identity_cert_pem(ca);
		tlsmith_ctx_add_roots_mem(p.server_ctx, pem, strlen(pem));
		tlsmith_ctx_set_client_auth(p.server_ctx, mode);
		tlsmith_ctx_set_versions(p.client_ctx, version, version);
		if (has_identity)
			tlsmith_ctx_use(p.client_ctx, alice);
		if (mode == TLSMITH_CLIENT_AUTH_REQUIRED && !has_identity) {
			stop(&p);
			continue;
		}
		CHECK(meet(&p, "localhost") == 0);
		CHECK(tlsmith_conn_certificate_requested(p.client) == (mode != 0));
		CHECK(!tlsmith_conn_certificate_requested(p.server));
		CHECK((tlsmith_conn_peer_cert(p.server, 0) != NULL) == (mode != 0 && has_identity));
		stop(&p);
	}
	CHECK(!tlsmith_conn_certificate_requested(NULL));
	tlsmith_identity_free(alice);
}

static void first_connection_seals_the_context_even_if_it_fails(void)
{
	tlsmith_ctx *ctx = new_client_ctx(), *server = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);

	CHECK(tlsmith_connect(c, "127.0.0.1", "1") == TLSMITH_ERR_IO);
	CHECK_FAILS(tlsmith_ctx_set_alpn(ctx, "h2"), TLSMITH_ERR_STATE, tlsmith_ctx_error(ctx),
	    "in use");
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
	c = tlsmith_conn_new(server);
	CHECK_FAILS(tlsmith_accept_mem(c), TLSMITH_ERR_STATE, tlsmith_conn_error(c), "certificate");
	CHECK(tlsmith_ctx_use(server, localhost) == TLSMITH_ERR_STATE);
	tlsmith_conn_free(c);
	tlsmith_ctx_free(server);
}

int main(void)
{
	begin_all();
	connection_uses_its_own_protocols();
	connection_presents_its_own_identity();
	requested_name_is_separate_from_verified_name();
	bad_settings_fail_the_connection();
	settings_must_precede_the_connection();
	server_pauses_at_the_hello_and_another_thread_answers();
	server_rejects_a_client_at_the_hello();
	failed_setter_at_the_hello_rejects_the_client();
	callback_runs_unless_the_program_received_the_hello();
	other_messages_fail_at_the_hello_as_in_a_handshake();
	rejected_peer_keeps_its_certificates_readable();
	client_knows_whether_a_certificate_was_requested();
	first_connection_seals_the_context_even_if_it_fails();
	end_all();
	return failures != 0;
}
