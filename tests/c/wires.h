/* Two connections of this library, and what may be between them. */
#ifndef WIRES_H
#define WIRES_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contexts.h"

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

/* Shakes hands in one thread, in memory. */
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

static inline void start_in_memory(struct pair *p)
{
	begin(p);
	CHECK(tlsmith_connect_mem(p->client, "localhost") == 0);
	CHECK(tlsmith_accept_mem(p->server) == 0);
}

static inline void begin_all(void)
{
	begin_identities();
	client_ctx = new_client_ctx();
	server_ctx = new_server_ctx();
}

static inline void end_all(void)
{
	tlsmith_ctx_free(client_ctx);
	tlsmith_ctx_free(server_ctx);
	end_identities();
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
