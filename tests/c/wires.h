/* Two connections of this library, and what may be between them. */
#ifndef WIRES_H
#define WIRES_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static tlsmith_identity *ca, *localhost;
static tlsmith_ctx *client_ctx, *server_ctx;

/* Both ends of a connection, whatever is between them. */
struct pair {
	tlsmith_conn *client, *server;
	int fd[4];
};

static inline void begin(struct pair *p)
{
	int i;

	p->client = tlsmith_conn_new(client_ctx);
	p->server = tlsmith_conn_new(server_ctx);
	for (i = 0; i < 4; i++)
		p->fd[i] = -1;
}

static inline void end(struct pair *p)
{
	int i;

	tlsmith_conn_free(p->client);
	tlsmith_conn_free(p->server);
	for (i = 0; i < 4; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
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

/* Shakes hands in one thread, over memory. */
static inline void shake(struct pair *p)
{
	int a, b, turns = 0;

	do {
		a = tlsmith_handshake(p->client);
		carry(p->client, p->server);
		b = tlsmith_handshake(p->server);
		carry(p->server, p->client);
		CHECK(a == 0 || a == TLSMITH_WANT_READ);
		CHECK(b == 0 || b == TLSMITH_WANT_READ);
	} while ((a != 0 || b != 0) && ++turns < 10);
	CHECK(a == 0 && b == 0);
}

static inline void start_over_memory(struct pair *p)
{
	begin(p);
	CHECK(tlsmith_connect_mem(p->client, "localhost") == 0);
	CHECK(tlsmith_accept_mem(p->server) == 0);
}

static inline void begin_all(void)
{
	const char *pem;

	ca = tlsmith_gen_ca(NULL);
	localhost = tlsmith_issue_cert(ca, "localhost", NULL);
	pem = tlsmith_identity_cert_pem(ca);
	client_ctx = tlsmith_ctx_new();
	tlsmith_ctx_add_roots_mem(client_ctx, pem, strlen(pem));
	server_ctx = tlsmith_ctx_new();
	tlsmith_ctx_use(server_ctx, localhost);
}

static inline void end_all(void)
{
	tlsmith_ctx_free(client_ctx);
	tlsmith_ctx_free(server_ctx);
	tlsmith_identity_free(ca);
	tlsmith_identity_free(localhost);
}

/* A socket that is read and written through callbacks, in whatever way. */
struct odd {
	int fd;
	/* Each is of one thread. */
	unsigned reads, writes;
	size_t most;
	int interrupts, refusals;
};

static inline ptrdiff_t odd_read(void *userdata, void *buf, size_t len)
{
	struct odd *odd = userdata;

	if (++odd->reads % 5 == 1 && odd->interrupts) {
		errno = EINTR;
		return -1;
	}
	if (odd->reads % 5 == 2 && odd->refusals) {
		errno = EAGAIN;
		return -1;
	}
	return recv(odd->fd, buf, len < odd->most ? len : odd->most, 0);
}

static inline ptrdiff_t odd_write(void *userdata, const void *data, size_t len)
{
	struct odd *odd = userdata;

	if (++odd->writes % 5 == 1 && odd->interrupts) {
		errno = EINTR;
		return -1;
	}
	if (odd->writes % 5 == 2 && odd->refusals) {
		errno = EAGAIN;
		return -1;
	}
	return send(odd->fd, data, len < odd->most ? len : odd->most, MSG_NOSIGNAL);
}

/* Through another connection. */
static inline ptrdiff_t through_read(void *userdata, void *buf, size_t len)
{
	ptrdiff_t n = tlsmith_read(userdata, buf, len);

	if (n == TLSMITH_WANT_READ || n == TLSMITH_WANT_WRITE)
		errno = EAGAIN;
	else if (n < 0)
		errno = EIO;
	return n < 0 ? -1 : n;
}

static inline ptrdiff_t through_write(void *userdata, const void *data, size_t len)
{
	ptrdiff_t n = tlsmith_write(userdata, data, len);

	if (n == TLSMITH_WANT_READ || n == TLSMITH_WANT_WRITE)
		errno = EAGAIN;
	else if (n < 0)
		errno = EIO;
	return n < 0 ? -1 : n;
}

#endif
