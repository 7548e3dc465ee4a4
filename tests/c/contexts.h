/* The CA of the tests, contexts that trust it, and moving bytes between two connections. */
#ifndef CONTEXTS_H
#define CONTEXTS_H

#include "check.h"

static tlsmith_identity *ca, *localhost;

static inline void begin_identities(void)
{
	ca = tlsmith_gen_ca(NULL);
	localhost = tlsmith_issue_cert(ca, "localhost", NULL);
}

static inline void end_identities(void)
{
	tlsmith_identity_free(ca);
	tlsmith_identity_free(localhost);
}

static inline tlsmith_ctx *new_client_ctx(void)
{
	const char *pem = tlsmith_identity_cert_pem(ca);
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	CHECK(tlsmith_ctx_add_roots_mem(ctx, pem, strlen(pem)) == 0);
	return ctx;
}

static inline tlsmith_ctx *new_server_ctx(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	CHECK(tlsmith_ctx_use(ctx, localhost) == 0);
	return ctx;
}

/* Moves all that waits from one to the other: how many bytes. */
static inline size_t carry(tlsmith_conn *from, tlsmith_conn *to)
{
	char buf[70000];
	size_t total = 0;
	ptrdiff_t n;

	while ((n = tlsmith_drain(from, buf, sizeof buf)) > 0) {
		int fed = tlsmith_feed(to, buf, n);

		/* A connection that failed takes nothing more, and says why. */
		CHECK(fed == 0 || fed == tlsmith_handshake(to));
		total += n;
	}
	CHECK(n == 0);
	return total;
}

#endif
