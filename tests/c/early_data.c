/* Early data (RFC 8446, section 2.3). */
#define _GNU_SOURCE
#include <stdint.h>
#include <unistd.h>

#include "check.h"
#include "memory.h"

/* ---- early data ---- */

/* Servers that share their sessions, and a client that has one of them. */
static void prepare_early(struct pair *p, tlsmith_ctx **second)
{
	prepare(p);
	*second = new_server_ctx();
	tlsmith_ctx_set_early_data(p->client_ctx, 1);
	tlsmith_ctx_set_early_data(p->server_ctx, 1000);
	tlsmith_ctx_set_early_data(*second, 1000);
	CHECK(tlsmith_ctx_share_sessions(*second, p->server_ctx) == 0);
	CHECK(meet(p, "localhost") == 0);
	CHECK(tlsmith_conn_early_data(p->client) == TLSMITH_EARLY_DATA_NONE && tlsmith_conn_early_data(p->server) == TLSMITH_EARLY_DATA_NONE);
	take_tickets(p);
	part(p);
}

static void early_data_is_accepted_once(void)
{
	unsigned char flight[20000];
	tlsmith_ctx *second;
	struct pair p;
	char buf[2000], text[2000] = "";
	ptrdiff_t len, n;

	prepare_early(&p, &second);
	connect_only(&p, "localhost");
	CHECK(tlsmith_write_early(p.client, "GET /", 5) == 5);
	CHECK(tlsmith_write_early(p.client, " again", 6) == 6);
	/* The attacker records what the client says. */
	len = tlsmith_drain(p.client, flight, sizeof flight);
	CHECK(len > 11);
	CHECK(tlsmith_feed(p.server, flight, len) == 0);
	while (strlen(text) < 11 && (n = tlsmith_read_early(p.server, buf, sizeof buf)) > 0)
		strncat(text, buf, n);
	CHECK_TEXT(text, "GET / again");
	CHECK(shake(&p) == 0);
	CHECK(tlsmith_read_early(p.server, buf, sizeof buf) == 0);
	CHECK(tlsmith_conn_early_data(p.client) == TLSMITH_EARLY_DATA_ACCEPTED && tlsmith_conn_early_data(p.server) == TLSMITH_EARLY_DATA_ACCEPTED);
	CHECK(tlsmith_conn_resumed(p.client));
	CHECK_FAILS(tlsmith_write_early(p.client, "x", 1), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
	    "handshake is complete");
	CHECK(strstr(tlsmith_conn_report(p.client), "Early data:          accepted") != NULL);
	/* What comes later is ordinary. */
	CHECK(tlsmith_write(p.client, "more", 4) == 4);
	carry(p.client, p.server);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 4);
	part(&p);

	/* And replays it to another server, and to the same one. */
	tlsmith_ctx_free(p.client_ctx);
	p.client_ctx = second;
	p.client = tlsmith_conn_new(second);
	p.server = tlsmith_conn_new(p.server_ctx);
	CHECK(tlsmith_accept_mem(p.client) == 0 && tlsmith_accept_mem(p.server) == 0);
	CHECK(tlsmith_feed(p.client, flight, len) == 0 && tlsmith_feed(p.server, flight, len) == 0);
	CHECK(tlsmith_read_early(p.client, buf, sizeof buf) == TLSMITH_WANT_READ);
	CHECK(tlsmith_read_early(p.server, buf, sizeof buf) == TLSMITH_WANT_READ);
	CHECK(tlsmith_conn_early_data(p.client) == TLSMITH_EARLY_DATA_NONE && tlsmith_conn_early_data(p.server) == TLSMITH_EARLY_DATA_NONE);
	stop(&p);
}

static void early_data_is_answered_at_once(void)
{
	tlsmith_ctx *second;
	struct pair p;
	char buf[100];

	prepare_early(&p, &second);
	connect_only(&p, "localhost");
	CHECK(tlsmith_write_early(p.client, "ask", 3) == 3);
	carry(p.client, p.server);
	CHECK(tlsmith_read_early(p.server, buf, sizeof buf) == 3);
	CHECK(tlsmith_write(p.server, "answer", 6) == 6);
	/* Saying that this is all takes the client's word that it is there. */
	CHECK(tlsmith_shutdown(p.server) == TLSMITH_WANT_READ);
	CHECK(tlsmith_write(p.server, "!", 1) == 1);
	carry(p.server, p.client);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 7 && memcmp(buf, "answer!", 7) == 0);
	CHECK(tlsmith_conn_version(p.server) == 0);
	carry(p.client, p.server);
	CHECK(tlsmith_shutdown(p.server) == 0);
	CHECK(tlsmith_conn_version(p.server) == 0x0304);
	carry(p.server, p.client);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 0);
	tlsmith_ctx_free(second);
	stop(&p);
}

static void rejected_early_data_is_reported(void)
{
	tlsmith_ctx *second;
	struct pair p;
	char buf[100];

	prepare_early(&p, &second);
	tlsmith_ctx_free(second);
	/* This server knows no session. */
	tlsmith_ctx_free(p.server_ctx);
	p.server_ctx = new_server_ctx();
	tlsmith_ctx_set_early_data(p.server_ctx, 1000);
	connect_only(&p, "localhost");
	CHECK(tlsmith_write_early(p.client, "lost", 4) == 4);
	CHECK(shake(&p) == 0);
	CHECK(tlsmith_conn_early_data(p.client) == TLSMITH_EARLY_DATA_REJECTED && tlsmith_conn_early_data(p.server) == TLSMITH_EARLY_DATA_NONE);
	CHECK(!tlsmith_conn_resumed(p.client));
	CHECK(strstr(tlsmith_conn_report(p.client), "Early data:          rejected") != NULL);
	CHECK(tlsmith_write(p.client, "again", 5) == 5);
	carry(p.client, p.server);
	CHECK(tlsmith_read_early(p.server, buf, sizeof buf) == 0);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 5 && memcmp(buf, "again", 5) == 0);
	stop(&p);
}

static void early_data_is_limited(void)
{
	char data[4000];
	tlsmith_ctx *second;
	struct pair p;

	memset(data, 'x', sizeof data);
	/* No session, or none that allows it: nothing is taken. */
	prepare(&p);
	tlsmith_ctx_set_early_data(p.client_ctx, 1);
	connect_only(&p, "localhost");
	CHECK(tlsmith_write_early(p.client, data, 10) == 0);
	CHECK(shake(&p) == 0 && tlsmith_conn_early_data(p.client) == TLSMITH_EARLY_DATA_NONE);
	CHECK(tlsmith_write_early(p.server, data, 10) == TLSMITH_ERR_STATE);
	stop(&p);

	prepare_early(&p, &second);
	connect_only(&p, "localhost");
	CHECK(tlsmith_write_early(p.client, data, sizeof data) == 1000 - 17);
	CHECK(tlsmith_write_early(p.client, data, 10) == 0);
	/* A server that does not read it completes the handshake all the same. */
	alarm(20);
	CHECK(shake(&p) == 0 && p.server_status == 0);
	alarm(0);
	CHECK(tlsmith_conn_early_data(p.client) == TLSMITH_EARLY_DATA_ACCEPTED);
	CHECK(tlsmith_read_early(p.server, data, sizeof data) == 1000 - 17);
	CHECK(tlsmith_read_early(p.server, data, sizeof data) == 0);
	tlsmith_ctx_free(second);
	stop(&p);
}

int main(void)
{
	begin_all();
	early_data_is_accepted_once();
	early_data_is_answered_at_once();
	rejected_early_data_is_reported();
	early_data_is_limited();
	end_all();
	return failures != 0;
}
