/* Sessions that are resumed, or must not be. */
#define _GNU_SOURCE
#include <stdint.h>
#include <unistd.h>

#include "check.h"
#include "memory.h"

static const unsigned char key_a[32] = "0123456789abcdef0123456789abcdeF";
static const unsigned char key_b[32] = "another 32 bytes, which do not f";

/* Meets twice, the second time another server if there is one: whether the
 * second meeting resumed the session of the first. */
static bool resumes(struct pair *p, tlsmith_ctx *other)
{
	bool resumed;

	CHECK(meet(p, "localhost") == 0 && p->server_status == 0);
	CHECK(!tlsmith_conn_resumed(p->client));
	if (tlsmith_conn_version(p->client) == 0x0304)
		take_tickets(p);
	part(p);
	if (other != NULL) {
		tlsmith_ctx_free(p->server_ctx);
		p->server_ctx = other;
	}
	CHECK(meet(p, "localhost") == 0 && p->server_status == 0);
	resumed = tlsmith_conn_resumed(p->client);
	CHECK(tlsmith_conn_resumed(p->server) == resumed);
	stop(p);
	return resumed;
}

static void context_resumes_its_own_sessions(void)
{
	static const int versions[] = { 0x0303, 0x0304 };
	struct pair p;
	int i;

	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, versions[i], versions[i]);
		CHECK(resumes(&p, NULL));
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, versions[i], versions[i]);
		tlsmith_ctx_set_resumption(p.client_ctx, 0);
		CHECK(!resumes(&p, NULL));
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, versions[i], versions[i]);
		tlsmith_ctx_set_resumption(p.server_ctx, 0);
		CHECK(!resumes(&p, NULL));
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, versions[i], versions[i]);
		tlsmith_ctx_set_tickets(p.server_ctx, 0);
		CHECK(resumes(&p, NULL) == (versions[i] == 0x0303));
	}
}

static void server_sends_the_configured_number_of_tickets(void)
{
	static const unsigned counts[] = { 0, 1, 2, 16 };
	struct pair p;
	int i;

	for (i = 0; i < 4; i++) {
		prepare(&p);
		tlsmith_ctx_set_tickets(p.server_ctx, counts[i]);
		CHECK(meet(&p, "localhost") == 0);
		take_tickets(&p);
		CHECK(tlsmith_conn_tickets(p.client) == (int)counts[i]);
		CHECK(tlsmith_conn_tickets(p.server) == 0);
		stop(&p);
	}
}

static tlsmith_ctx *with_keys(const void *first, const void *second)
{
	tlsmith_ctx *ctx = new_server_ctx();

	tlsmith_ctx_add_ticket_key(ctx, first, 32);
	if (second != NULL)
		tlsmith_ctx_add_ticket_key(ctx, second, 32);
	return ctx;
}

static tlsmith_ctx *asking_clients(tlsmith_ctx *ctx, int mode)
{
	const char *pem = tlsmith_identity_cert_pem(ca);

	tlsmith_ctx_add_roots_mem(ctx, pem, strlen(pem));
	tlsmith_ctx_set_client_auth(ctx, mode);
	return ctx;
}

static void use_server(struct pair *p, tlsmith_ctx *ctx)
{
	prepare(p);
	tlsmith_ctx_free(p->server_ctx);
	p->server_ctx = ctx;
}

static void servers_share_ticket_keys(void)
{
	tlsmith_identity *user = tlsmith_issue_cert(ca, "alice@example.org", NULL);
	struct pair p;

	use_server(&p, new_server_ctx());
	CHECK(!resumes(&p, new_server_ctx()));
	use_server(&p, with_keys(key_a, NULL));
	CHECK(resumes(&p, with_keys(key_a, NULL)));
	use_server(&p, with_keys(key_a, NULL));
	CHECK(!resumes(&p, with_keys(key_b, NULL)));
	/* A new key comes in front, and the old one still opens. */
	use_server(&p, with_keys(key_a, NULL));
	CHECK(resumes(&p, with_keys(key_b, key_a)));
	use_server(&p, with_keys(key_b, key_a));
	CHECK(!resumes(&p, with_keys(key_a, NULL)));

	/* Never into a server that demands more, or something else. */
	use_server(&p, with_keys(key_a, NULL));
	tlsmith_ctx_use(p.client_ctx, user);
	CHECK(!resumes(&p, asking_clients(with_keys(key_a, NULL), TLSMITH_CLIENT_AUTH_REQUIRED)));
	use_server(&p, asking_clients(with_keys(key_a, NULL), TLSMITH_CLIENT_AUTH_REQUIRED));
	tlsmith_ctx_use(p.client_ctx, user);
	CHECK(!resumes(&p, with_keys(key_a, NULL)));
	use_server(&p, asking_clients(with_keys(key_a, NULL), TLSMITH_CLIENT_AUTH_OPTIONAL));
	tlsmith_ctx_use(p.client_ctx, user);
	CHECK(!resumes(&p, asking_clients(with_keys(key_a, NULL), TLSMITH_CLIENT_AUTH_REQUIRED)));
	use_server(&p, asking_clients(with_keys(key_a, NULL), TLSMITH_CLIENT_AUTH_REQUIRED));
	tlsmith_ctx_use(p.client_ctx, user);
	CHECK(resumes(&p, asking_clients(with_keys(key_a, NULL), TLSMITH_CLIENT_AUTH_REQUIRED)));
	tlsmith_identity_free(user);
}

static void servers_share_kept_sessions(void)
{
	tlsmith_ctx *a = new_server_ctx(), *b = new_server_ctx();
	struct pair p;

	CHECK(tlsmith_ctx_share_sessions(b, a) == 0);
	use_server(&p, a);
	CHECK(resumes(&p, b));
}

/* Sessions that the program keeps. */

static struct taken { tlsmith_session *sessions[8]; int count; void *conn_data; } taken;

static void take(void *userdata, const tlsmith_conn *conn, tlsmith_session *session)
{
	struct taken *all = userdata;

	CHECK(all == &taken && session != NULL);
	all->conn_data = tlsmith_conn_userdata(conn);
	CHECK(tlsmith_conn_session(conn) == NULL);
	CHECK(tlsmith_conn_verify_status(conn) == TLSMITH_ERR_STATE);
	(void)tlsmith_conn_peer_cert(conn, 0), (void)tlsmith_conn_verified_cert(conn, 0);
	if (all->count < 8)
		all->sessions[all->count++] = session;
	else
		tlsmith_session_free(session);
}

/* Connects once with this session, or without for NULL: whether it was resumed. */
static bool meets_with(struct pair *p, const tlsmith_session *session)
{
	bool resumed;

	p->client = tlsmith_conn_new(p->client_ctx);
	p->server = tlsmith_conn_new(p->server_ctx);
	tlsmith_conn_set_userdata(p->client, &taken);
	if (session != NULL)
		CHECK(tlsmith_conn_set_session(p->client, session) == 0);
	CHECK(tlsmith_connect_mem(p->client, "localhost") == 0);
	CHECK(tlsmith_accept_mem(p->server) == 0);
	CHECK(shake(p) == 0 && p->server_status == 0);
	resumed = tlsmith_conn_resumed(p->client);
	if (tlsmith_conn_version(p->client) == 0x0304)
		take_tickets(p);
	return resumed;
}

static void session_of_one_connection_resumes_others(void)
{
	static const int versions[] = { 0x0303, 0x0304 };

	for (int i = 0; i < 2; i++) {
		struct pair p;
		tlsmith_session *session;

		prepare(&p);
		tlsmith_ctx_set_alpn(p.client_ctx, "h2");
		tlsmith_ctx_set_alpn(p.server_ctx, "h2");
		tlsmith_ctx_set_versions(p.client_ctx, versions[i], versions[i]);
		CHECK(!meets_with(&p, NULL));
		session = tlsmith_conn_session(p.client);
		CHECK(tlsmith_session_version(session) == versions[i]);
		CHECK_TEXT(tlsmith_session_cipher(session), tlsmith_conn_cipher(p.client));
		CHECK_TEXT(tlsmith_session_alpn(session), "h2");
		CHECK_TEXT(tlsmith_session_server_name(session), "localhost");
		CHECK(tlsmith_session_lifetime(session) == 7200);
		CHECK(tlsmith_session_max_early_data(session) == 0);
		CHECK(tlsmith_conn_session(p.server) == NULL);
		CHECK(tlsmith_last_status() == TLSMITH_ERR_STATE);
		part(&p);
		/* More often than it had tickets: each connection brings new ones. */
		for (int turn = 0; turn < 4; turn++) {
			CHECK(meets_with(&p, session));
			part(&p);
		}
		/* It outlives its context, and is only for that. */
		tlsmith_ctx_free(p.client_ctx);
		p.client_ctx = new_client_ctx();
		p.client = tlsmith_conn_new(p.client_ctx);
		CHECK(tlsmith_conn_set_session(p.client, session) == 0);
		CHECK_FAILS(tlsmith_connect_mem(p.client, "localhost"), TLSMITH_ERR_ARG,
		    tlsmith_conn_error(p.client), "from another context");
		tlsmith_session_free(session);
		stop(&p);
	}
}

static void ticket_is_used_only_once(void)
{
	struct pair p;
	tlsmith_session *session;

	prepare(&p);
	tlsmith_ctx_set_tickets(p.server_ctx, 1);
	CHECK(!meets_with(&p, NULL));
	session = tlsmith_conn_session(p.client);
	part(&p);
	/* The context has the same ticket. */
	CHECK(meets_with(&p, NULL));
	part(&p);
	CHECK(tlsmith_session_lifetime(session) == 0);
	CHECK(!meets_with(&p, session));
	part(&p);
	tlsmith_session_free(session);
	stop(&p);
}

static void sessions_are_reported_as_they_come(void)
{
	static const int versions[] = { 0x0303, 0x0304 };

	/* Also where the context itself keeps none. */
	for (int i = 0; i < 4; i++) {
		struct pair p;

		memset(&taken, 0, sizeof taken);
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, versions[i % 2], versions[i % 2]);
		CHECK(tlsmith_ctx_set_session_callback(p.client_ctx, take, &taken) == 0);
		tlsmith_ctx_set_early_data(p.server_ctx, 1000);
		tlsmith_ctx_set_early_data(p.client_ctx, 1000);
		if (i >= 2)
			tlsmith_ctx_set_resumption(p.client_ctx, 0);
		CHECK(!meets_with(&p, NULL));
		CHECK(taken.count == 1 + i % 2 && taken.conn_data == &taken);
		/* Although the callback asked for them too early. */
		CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL);
		CHECK(tlsmith_conn_verified_cert(p.client, 1) != NULL);
		CHECK(tlsmith_conn_verify_status(p.client) == 0);
		part(&p);
		int count = taken.count;
		for (int one = 0; one < count; one++) {
			CHECK(tlsmith_session_max_early_data(taken.sessions[one]) ==
			    (i % 2 ? 1000 : 0));
			CHECK(meets_with(&p, taken.sessions[one]));
			part(&p);
		}
		if (i >= 2) {
			CHECK(!meets_with(&p, NULL));
			part(&p);
		}
		for (int one = 0; one < taken.count; one++)
			tlsmith_session_free(taken.sessions[one]);
		stop(&p);
	}
}

static void sessions_are_rejected_in_wrong_states(void)
{
	struct pair p;
	tlsmith_session *session;

	prepare(&p);
	CHECK(!meets_with(&p, NULL));
	session = tlsmith_conn_session(p.client);
	CHECK(session != NULL);
	CHECK(tlsmith_conn_set_session(p.client, session) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_conn_set_session(NULL, session) == TLSMITH_ERR_ARG);
	part(&p);
	p.client = tlsmith_conn_new(p.client_ctx);
	CHECK_NONE(tlsmith_conn_session(p.client), TLSMITH_ERR_STATE, "no session");
	CHECK(tlsmith_conn_set_session(p.client, NULL) == TLSMITH_ERR_ARG);
	CHECK_NONE(tlsmith_conn_session(NULL), TLSMITH_ERR_ARG, "conn is NULL");
	CHECK(tlsmith_ctx_set_session_callback(NULL, take, NULL) == TLSMITH_ERR_ARG);
	CHECK_SETTER(tlsmith_ctx_set_session_callback(ctx, NULL, NULL), TLSMITH_ERR_ARG,
	    "callback is NULL");
	CHECK(tlsmith_session_version(NULL) == 0 && tlsmith_session_lifetime(NULL) == 0);
	CHECK_TEXT(tlsmith_session_cipher(NULL), "");
	CHECK_TEXT(tlsmith_session_alpn(NULL), "");
	CHECK_TEXT(tlsmith_session_server_name(NULL), "");
	CHECK(tlsmith_session_max_early_data(NULL) == 0);
	tlsmith_session_free(NULL);
	tlsmith_session_free(session);
	stop(&p);
}

/* A store that holds one value at most. */
static struct { char key[200], value[65536]; size_t key_len; ptrdiff_t len; int puts, takes; } store;

static int put(void *userdata, const void *key, size_t key_len, const void *value,
    size_t value_len, uint32_t lifetime)
{
	CHECK(userdata == &store && lifetime == 7200 && key_len <= sizeof store.key);
	store.puts++;
	store.key_len = key_len;
	memcpy(store.key, key, key_len);
	store.len = (ptrdiff_t)value_len;
	memcpy(store.value, value, value_len);
	return 0;
}

static ptrdiff_t take_stored(void *userdata, const void *key, size_t key_len, void *value,
    size_t size)
{
	ptrdiff_t len = store.len;

	CHECK(userdata == &store && size == sizeof store.value);
	store.takes++;
	if (key_len != store.key_len || memcmp(key, store.key, key_len) != 0)
		return 0;
	memcpy(value, store.value, len > 0 && len <= (ptrdiff_t)size ? (size_t)len : 0);
	store.key_len = 0;
	return len;
}

static int refuse(void *userdata, const void *key, size_t key_len, const void *value,
    size_t value_len, uint32_t lifetime)
{
	(void)userdata, (void)key, (void)key_len, (void)value, (void)value_len, (void)lifetime;
	return -1;
}

static void server_keeps_sessions_in_the_store_of_the_program(void)
{
	static const ptrdiff_t absurd[] = { -1, 0, 65537, PTRDIFF_MAX };
	struct pair p;

	for (int turn = 0; turn < 2; turn++) {
		memset(&store, 0, sizeof store);
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, 0x0304 - turn, 0x0304 - turn);
		tlsmith_ctx_set_tickets(p.server_ctx, 1);
		tlsmith_ctx_add_ticket_key(p.server_ctx, key_a, sizeof key_a);
		CHECK(tlsmith_ctx_set_session_store(p.server_ctx, put, take_stored, &store) == 0);
		CHECK(resumes(&p, NULL));
		CHECK(store.puts == 2 && store.takes == 1);
	}
	/* A store that fails costs the resumption and nothing else. */
	for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
		prepare(&p);
		tlsmith_ctx_set_tickets(p.server_ctx, 1);
		tlsmith_ctx_add_ticket_key(p.server_ctx, key_a, sizeof key_a);
		tlsmith_ctx_set_session_store(p.server_ctx, put, take_stored, &store);
		CHECK(!meets_with(&p, NULL));
		part(&p);
		store.len = absurd[i];
		CHECK(!meets_with(&p, NULL));
		stop(&p);
	}
	prepare(&p);
	tlsmith_ctx_add_ticket_key(p.server_ctx, key_a, sizeof key_a);
	tlsmith_ctx_set_session_store(p.server_ctx, refuse, take_stored, &store);
	CHECK(!resumes(&p, NULL));
	/* Values have to be encrypted with something. */
	prepare(&p);
	CHECK(tlsmith_ctx_set_session_store(p.server_ctx, put, take_stored, &store) == 0);
	p.server = tlsmith_conn_new(p.server_ctx);
	CHECK_FAILS(tlsmith_accept_mem(p.server), TLSMITH_ERR_ARG, tlsmith_conn_error(p.server),
	    "needs ticket keys");
	stop(&p);
	CHECK_SETTER(tlsmith_ctx_set_session_store(ctx, NULL, take_stored, NULL), TLSMITH_ERR_ARG,
	    "put is NULL");
	CHECK_SETTER(tlsmith_ctx_set_session_store(ctx, put, NULL, NULL), TLSMITH_ERR_ARG,
	    "take is NULL");
	CHECK(tlsmith_ctx_set_session_store(NULL, put, take_stored, NULL) == TLSMITH_ERR_ARG);
}

int main(void)
{
	begin_all();
	context_resumes_its_own_sessions();
	server_sends_the_configured_number_of_tickets();
	servers_share_ticket_keys();
	servers_share_kept_sessions();
	session_of_one_connection_resumes_others();
	ticket_is_used_only_once();
	sessions_are_reported_as_they_come();
	sessions_are_rejected_in_wrong_states();
	server_keeps_sessions_in_the_store_of_the_program();
	end_all();
	return failures != 0;
}
