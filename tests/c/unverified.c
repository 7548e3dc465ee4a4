/* Clients that a server accepts though their certificates fail verification. */
#include "check.h"
#include "memory.h"

static tlsmith_identity *elsewhere, *mallory, *alice;

/* What was logged as a warning. */
static char logged[1000];
static int warnings;

static void note_warning(void *userdata, int level, const char *message)
{
	(void)userdata;
	if (level == 2) {
		warnings++;
		snprintf(logged, sizeof logged, "%s", message);
	}
}

static void prepare_lenient(struct pair *p, int version, const tlsmith_identity *client)
{
	const char *pem = tlsmith_identity_cert_pem(ca);

	prepare(p);
	if (client != NULL)
		tlsmith_ctx_use(p->client_ctx, client);
	tlsmith_ctx_set_versions(p->client_ctx, version, version);
	CHECK(tlsmith_ctx_add_roots_mem(p->server_ctx, pem, strlen(pem)) == 0);
	CHECK(tlsmith_ctx_insecure_allow_unverified_clients(p->server_ctx) == 0);
}

static void an_unverified_client_is_accepted_with_its_reason(int version)
{
	struct pair p;
	int i;

	prepare_lenient(&p, version, mallory);
	/* The same contexts again: there is nothing to resume. */
	for (i = 0; i < 2; i++) {
		warnings = 0;
		CHECK(meet(&p, "localhost") == 0 && p.server_status == 0);
		CHECK(warnings == 1);
		CHECK(strstr(logged, "tlsmith: accepted a client that is not verified") == logged);
		CHECK(strstr(logged, "CN=mallory@example.org") != NULL);
		CHECK(tlsmith_conn_verify_status(p.server) == TLSMITH_ERR_CERT_UNKNOWN_ISSUER);
		CHECK(strstr(tlsmith_conn_verify_error(p.server), "CN=mallory@example.org") != NULL);
		CHECK_TEXT(tlsmith_cert_subject(tlsmith_conn_peer_cert(p.server, 0)),
		    "CN=mallory@example.org");
		CHECK(tlsmith_conn_verified_cert(p.server, 0) == NULL);
		CHECK(strstr(tlsmith_conn_report(p.server), "Verification:        FAILED: ") != NULL);
		/* The server itself is verified, and was asked for nothing. */
		CHECK(tlsmith_conn_verify_status(p.client) == 0);
		CHECK(tlsmith_conn_verify_error(p.client) == NULL);
		CHECK(tlsmith_conn_certificate_requested(p.client));
		take_tickets(&p);
		CHECK(tlsmith_conn_tickets(p.client) == 0);
		CHECK(!tlsmith_conn_resumed(p.server));
		part(&p);
	}
	stop(&p);
}

static void a_verified_client_stays_verified(int version)
{
	struct pair p;
	int i;

	prepare_lenient(&p, version, alice);
	for (i = 0; i < 2; i++) {
		warnings = 0;
		CHECK(meet(&p, "localhost") == 0 && p.server_status == 0);
		CHECK(warnings == 0);
		CHECK(tlsmith_conn_resumed(p.server) == (i == 1));
		CHECK(tlsmith_conn_verify_status(p.server) == 0);
		CHECK(tlsmith_conn_verify_error(p.server) == NULL);
		CHECK((tlsmith_conn_verified_cert(p.server, 0) != NULL) == (i == 0));
		take_tickets(&p);
		part(&p);
	}
	stop(&p);
}

static void a_client_without_a_certificate_is_not_verified(int version)
{
	struct pair p;

	prepare_lenient(&p, version, NULL);
	warnings = 0;
	CHECK(meet(&p, "localhost") == 0 && p.server_status == 0);
	CHECK(warnings == 0);
	CHECK_FAILS(tlsmith_conn_verify_status(p.server), TLSMITH_ERR_CERT_MISSING,
	    tlsmith_conn_verify_error(p.server), "no certificate");
	stop(&p);

	prepare_lenient(&p, version, NULL);
	tlsmith_ctx_set_client_auth(p.server_ctx, TLSMITH_CLIENT_AUTH_REQUIRED);
	meet(&p, "localhost");
	CHECK(p.server_status == TLSMITH_ERR_CERT_MISSING);
	CHECK(tlsmith_conn_verify_status(p.server) == TLSMITH_ERR_CERT_MISSING);
	stop(&p);
}

/* What the verify callback heard, and what it answers. */
static int heard, answer;

static int look(void *userdata, const tlsmith_conn *conn, int status)
{
	(void)userdata;
	heard = status;
	CHECK(strstr(tlsmith_conn_error(conn), "mallory") != NULL);
	/* A callback asks, and the handshake is not complete. */
	CHECK(tlsmith_conn_verify_status(conn) == TLSMITH_ERR_STATE);
	CHECK(strstr(tlsmith_conn_verify_error(conn), "callback") != NULL);
	return answer;
}

static void a_verify_callback_can_refuse_an_unverified_client(int version)
{
	static const int answers[] = { 0, 1, TLSMITH_ERR_CERT_REVOKED };
	struct pair p;
	size_t i;

	for (i = 0; i < sizeof answers / sizeof *answers; i++) {
		answer = answers[i];
		warnings = 0;
		prepare_lenient(&p, version, mallory);
		tlsmith_ctx_set_verify(p.server_ctx, look, NULL);
		meet(&p, "localhost");
		CHECK(heard == TLSMITH_ERR_CERT_UNKNOWN_ISSUER);
		CHECK((p.server_status == 0) == (answer == 0));
		CHECK(warnings == (answer == 0));
		if (answer == 0)
			CHECK(tlsmith_conn_verify_status(p.server) == TLSMITH_ERR_CERT_UNKNOWN_ISSUER);
		else
			CHECK_FAILS(tlsmith_conn_verify_status(p.server), p.server_status,
			    tlsmith_conn_verify_error(p.server), "verify callback refused");
		CHECK(tlsmith_conn_verified_cert(p.server, 0) == NULL);
		stop(&p);
	}
}

static int select_context(void *userdata, tlsmith_conn *conn, const tlsmith_hello *hello)
{
	(void)hello;
	return tlsmith_conn_set_ctx(conn, userdata) == 0 ? 0 : 80;
}

static void the_context_that_answers_says_who_has_to_be_verified(int version)
{
	tlsmith_ctx *first = new_server_ctx();
	struct pair p;

	prepare_lenient(&p, version, mallory);
	tlsmith_ctx_set_hello(first, select_context, p.server_ctx);
	p.client = tlsmith_conn_new(p.client_ctx);
	p.server = tlsmith_conn_new(first);
	CHECK(tlsmith_connect_mem(p.client, "localhost") == 0);
	CHECK(tlsmith_accept_mem(p.server) == 0);
	CHECK(shake(&p) == 0 && p.server_status == 0);
	CHECK(tlsmith_conn_verify_status(p.server) == TLSMITH_ERR_CERT_UNKNOWN_ISSUER);
	stop(&p);
	tlsmith_ctx_free(first);
}

static ptrdiff_t forge(void *userdata, uint16_t scheme, const void *data, size_t len, void *sig,
    size_t sig_max)
{
	static const char forged[] = { 0x30, 6, 2, 1, 1, 2, 1, 1 };

	(void)userdata, (void)scheme, (void)data, (void)len;
	CHECK(sig_max >= sizeof forged);
	memcpy(sig, forged, sizeof forged);
	return sizeof forged;
}

static void a_client_without_the_private_key_is_refused(int version)
{
	const tlsmith_identity *whose[] = { alice, mallory };
	struct pair p;
	size_t i;

	for (i = 0; i < 2; i++) {
		const char *pem = tlsmith_identity_cert_pem(whose[i]);
		tlsmith_identity *forged = tlsmith_identity_external(pem, strlen(pem), forge, NULL);

		warnings = 0;
		prepare_lenient(&p, version, forged);
		meet(&p, "localhost");
		CHECK_FAILS(p.server_status, tlsmith_conn_verify_status(p.server),
		    tlsmith_conn_verify_error(p.server), "did not sign the handshake");
		CHECK(p.server_status < 0 && warnings == 0);
		CHECK(tlsmith_conn_verified_cert(p.server, 0) == NULL);
		stop(&p);
		tlsmith_identity_free(forged);
	}
}

/* Every connection that has no verified peer, and what it says. */
static void unverified_peer_is_reported(void)
{
	struct pair p;
	tlsmith_conn *c;

	CHECK_FAILS(tlsmith_conn_verify_status(NULL), TLSMITH_ERR_ARG,
	    tlsmith_conn_verify_error(NULL), "conn is NULL");
	prepare(&p);
	c = tlsmith_conn_new(p.client_ctx);
	CHECK_FAILS(tlsmith_conn_verify_status(c), TLSMITH_ERR_STATE, tlsmith_conn_verify_error(c),
	    "not connected yet");
	tlsmith_conn_free(c);
	connect_only(&p, "other.example");
	CHECK_FAILS(tlsmith_conn_verify_status(p.client), TLSMITH_ERR_STATE,
	    tlsmith_conn_verify_error(p.client), "handshake is not complete");
	shake(&p);
	CHECK_FAILS(tlsmith_conn_verify_status(p.client), TLSMITH_ERR_CERT_NAME_MISMATCH,
	    tlsmith_conn_verify_error(p.client), "other.example");
	stop(&p);

	prepare(&p);
	CHECK(tlsmith_ctx_insecure_no_verify(p.client_ctx) == 0);
	CHECK(meet(&p, "other.example") == 0 && p.server_status == 0);
	CHECK_FAILS(tlsmith_conn_verify_status(p.client), TLSMITH_ERR_CERT,
	    tlsmith_conn_verify_error(p.client), "insecure_no_verify");
	CHECK_FAILS(tlsmith_conn_verify_status(p.server), TLSMITH_ERR_CERT_MISSING,
	    tlsmith_conn_verify_error(p.server), "no certificate");
	/* That stays so when the connection has ended. */
	CHECK(tlsmith_shutdown(p.client) == 0 || tlsmith_conn_events(p.client) != 0);
	CHECK(tlsmith_conn_verify_status(p.client) == TLSMITH_ERR_CERT);
	CHECK_FAILS(tlsmith_ctx_insecure_allow_unverified_clients(p.server_ctx), TLSMITH_ERR_STATE,
	    tlsmith_last_error(), "in use");
	CHECK(tlsmith_ctx_insecure_allow_unverified_clients(NULL) == TLSMITH_ERR_ARG);
	stop(&p);
}

int main(void)
{
	int version;

	begin_all();
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	opt.common_name = "Elsewhere CA";
	elsewhere = tlsmith_gen_ca(&opt);
	mallory = tlsmith_issue_cert(elsewhere, "mallory@example.org", NULL);
	alice = tlsmith_issue_cert(ca, "alice@example.org", NULL);
	CHECK(tlsmith_set_log(2, note_warning, NULL) == 0);
	for (version = TLSMITH_TLS1_2; version <= TLSMITH_TLS1_3; version++) {
		an_unverified_client_is_accepted_with_its_reason(version);
		a_verified_client_stays_verified(version);
		a_client_without_a_certificate_is_not_verified(version);
		a_verify_callback_can_refuse_an_unverified_client(version);
		the_context_that_answers_says_who_has_to_be_verified(version);
		a_client_without_the_private_key_is_refused(version);
	}
	unverified_peer_is_reported();
	CHECK(tlsmith_set_log(0, NULL, NULL) == 0);
	tlsmith_identity_free(elsewhere);
	tlsmith_identity_free(mallory);
	tlsmith_identity_free(alice);
	end_all();
	return failures != 0;
}
