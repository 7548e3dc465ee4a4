/* Two connections of this library with memory between them, in one thread. */
#ifndef MEMORY_H
#define MEMORY_H

#include "contexts.h"

/* Both ends; the contexts can be set up before they meet. */
struct pair {
	tlsmith_ctx *client_ctx, *server_ctx;
	tlsmith_conn *client, *server;
	int server_status;
};

static inline void begin_all(void)
{
	begin_identities();
}

static inline void end_all(void)
{
	end_identities();
}

static inline void prepare(struct pair *p)
{
	memset(p, 0, sizeof *p);
	p->client_ctx = new_client_ctx();
	p->server_ctx = new_server_ctx();
}

static inline void connect_only(struct pair *p, const char *name)
{
	p->client = tlsmith_conn_new(p->client_ctx);
	p->server = tlsmith_conn_new(p->server_ctx);
	CHECK(tlsmith_connect_mem(p->client, name) == 0);
	CHECK(tlsmith_accept_mem(p->server) == 0);
}

/* Shakes hands on both sides until each is done: the client's outcome. */
static inline int shake(struct pair *p)
{
	int client = TLSMITH_WANT_READ, turns;

	p->server_status = TLSMITH_WANT_READ;
	for (turns = 0; turns < 10; turns++) {
		if (client == TLSMITH_WANT_READ)
			client = tlsmith_handshake(p->client);
		carry(p->client, p->server);
		if (p->server_status == TLSMITH_WANT_READ)
			p->server_status = tlsmith_handshake(p->server);
		carry(p->server, p->client);
	}
	return client;
}

static inline int meet(struct pair *p, const char *name)
{
	connect_only(p, name);
	return shake(p);
}

/* Has the client see the tickets that came: it reads. */
static inline void take_tickets(struct pair *p)
{
	char buf[1];

	carry(p->server, p->client);
	CHECK(tlsmith_read(p->client, buf, 1) == TLSMITH_WANT_READ);
}

/* The connections go, and the contexts stay for others. */
static inline void part(struct pair *p)
{
	tlsmith_conn_free(p->client);
	tlsmith_conn_free(p->server);
	p->client = p->server = NULL;
}

static inline void stop(struct pair *p)
{
	part(p);
	tlsmith_ctx_free(p->client_ctx);
	tlsmith_ctx_free(p->server_ctx);
}

#endif
