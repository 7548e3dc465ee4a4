/* TLS for hiredis, over tlsmith and hiredis' public headers alone.
 *
 * hiredis 1.1 and later call redisContextFuncs.  hiredis 0.14 (Debian 12) has none, but every
 * read and write of it goes through two public functions, redisBufferRead() and
 * redisBufferWrite(): the last section replaces these, so there link with -lhiredis
 * dynamically. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <hiredis/sds.h>
#include "hiredis_tlsmith.h"

/* Bytes of c->obuf that are `taken` have been encrypted but not all sent.  hiredis keeps them
 * until they are, so that it goes on waiting for the socket to be writable. */
struct tls {
	tlsmith_conn *conn;
	redisAsyncContext *ac;
	size_t taken;
	bool quiet; /* for async_read() */
};

static struct tls *state_of(const redisContext *c);
static void keep(redisContext *c, struct tls *t);

static void tls_free(void *state)
{
	struct tls *t = state;

	if (t != NULL)
		tlsmith_conn_free(t->conn);
	free(t);
}

static int fail(redisContext *c, int error, const char *reason)
{
	c->err = error;
	strncpy(c->errstr, reason, sizeof c->errstr - 1);
	c->errstr[sizeof c->errstr - 1] = '\0';
	return REDIS_ERR;
}

static bool wants(ptrdiff_t n)
{
	return n == TLSMITH_WANT_READ || n == TLSMITH_WANT_WRITE;
}

/* What hiredis is told of a result below 1: 0 to try again later, or -1. */
static ssize_t unsuccessful(redisContext *c, const tlsmith_conn *conn, ptrdiff_t n)
{
	if (wants(n) && !(c->flags & REDIS_BLOCK))
		return 0;
	if (n == 0)
		return fail(c, REDIS_ERR_EOF, "Server closed the connection");
	if (n == TLSMITH_ERR_TRUNCATED)
		return fail(c, REDIS_ERR_EOF, tlsmith_conn_error(conn));
	if (wants(n) || n == TLSMITH_ERR_TIMEOUT) {
		errno = EAGAIN; /* as read() has it when SO_RCVTIMEO passes */
		return fail(c, REDIS_ERR_IO, strerror(EAGAIN));
	}
	errno = tlsmith_conn_errno(conn);
	return fail(c, n == TLSMITH_ERR_IO ? REDIS_ERR_IO : REDIS_ERR_OTHER, tlsmith_conn_error(conn));
}

static ssize_t tls_read(redisContext *c, char *buf, size_t size)
{
	struct tls *t = state_of(c);
	ptrdiff_t n;

	if (t == NULL)
		return fail(c, REDIS_ERR_OTHER, "TLS ended: call redisInitiateTlsmith() again");
	n = t->quiet ? TLSMITH_WANT_READ : tlsmith_read(t->conn, buf, size);
	return n > 0 ? n : unsuccessful(c, t->conn, n);
}

static ssize_t tls_write(redisContext *c)
{
	struct tls *t = state_of(c);
	ptrdiff_t n;

	if (t == NULL)
		return fail(c, REDIS_ERR_OTHER, "TLS ended: call redisInitiateTlsmith() again");
	if (t->taken == 0) {
		if ((n = tlsmith_write(t->conn, c->obuf, sdslen(c->obuf))) < 0)
			return unsuccessful(c, t->conn, n);
		t->taken = (size_t)n;
	}
	if ((n = tlsmith_flush(t->conn)) < 0)
		return unsuccessful(c, t->conn, n);
	n = (ptrdiff_t)t->taken;
	t->taken = 0;
	return n;
}

/* Whether there is something that only a writable socket moves on.  What waits for the peer's
 * handshake does not, and hiredis would spin. */
static bool wants_writable(const redisContext *c, const struct tls *t)
{
	return sdslen(c->obuf) > 0 && (tlsmith_conn_events(t->conn) & POLLOUT ||
	    tlsmith_conn_version(t->conn) != 0);
}

static void watch_writable(const redisContext *c, const struct tls *t)
{
	if (t->ac != NULL && t->ac->ev.addWrite != NULL && wants_writable(c, t))
		t->ac->ev.addWrite(t->ac->ev.data);
}

static int initiate(redisContext *c, redisAsyncContext *ac, tlsmith_ctx *ctx,
    const redisTlsmithOptions *options)
{
	static const redisTlsmithOptions defaults;
	const redisTlsmithOptions *o = options != NULL ? options : &defaults;
	struct tls *t;
	int n = 0;

	if (c->err != 0)
		return REDIS_ERR;
	if (state_of(c) != NULL)
		return fail(c, REDIS_ERR_OTHER, "TLS was initiated already");
	if ((t = calloc(1, sizeof *t)) == NULL)
		return fail(c, REDIS_ERR_OOM, "Out of memory");
	if ((t->conn = tlsmith_conn_new(ctx)) == NULL) {
		free(t);
		return fail(c, REDIS_ERR_OTHER, tlsmith_last_error());
	}
	t->ac = ac;
	keep(c, t);
	if (o->server_name != NULL)
		n = tlsmith_conn_set_server_name(t->conn, o->server_name);
	if (n == 0 && o->identity != NULL)
		n = tlsmith_conn_set_identity(t->conn, o->identity);
	if (n == 0)
		n = tlsmith_connect_fd(t->conn, c->fd, o->verify_name != NULL ? o->verify_name : c->tcp.host);
	if (n == 0 && c->flags & REDIS_BLOCK)
		n = tlsmith_handshake(t->conn);
	if (n < 0)
		unsuccessful(c, t->conn, n);
	return c->err == 0 ? REDIS_OK : REDIS_ERR;
}

int redisInitiateTlsmith(redisContext *c, tlsmith_ctx *ctx, const redisTlsmithOptions *options)
{
	return initiate(c, NULL, ctx, options);
}

int redisAsyncInitiateTlsmith(redisAsyncContext *ac, tlsmith_ctx *ctx,
    const redisTlsmithOptions *options)
{
	int status = initiate(&ac->c, ac, ctx, options);

	ac->err = ac->c.err;
	ac->errstr = ac->c.errstr;
	return status;
}

const tlsmith_conn *redisTlsmithConn(const redisContext *c)
{
	const struct tls *t = state_of(c);

	return t != NULL ? t->conn : NULL;
}

#if HIREDIS_MAJOR >= 1

/* One readable socket may hold many records, and the event loop does not know of those that
 * are decrypted already.  After an error redisAsyncRead() fails too, and disconnects. */
static void async_read(redisAsyncContext *ac)
{
	struct tls *t = state_of(&ac->c);

	t->quiet = false;
	while (redisBufferRead(&ac->c) == REDIS_OK && tlsmith_conn_pending(t->conn) > 0)
		continue;
	watch_writable(&ac->c, t);
	/* It would read once more, and leave the rest of a record that came meanwhile. */
	t->quiet = true;
	redisAsyncRead(ac);
}

static void async_write(redisAsyncContext *ac)
{
	struct tls *t = state_of(&ac->c);
	int done;

	if (redisBufferWrite(&ac->c, &done) == REDIS_ERR) {
		redisAsyncWrite(ac); /* fails too, and disconnects */
		return;
	}
	if (!wants_writable(&ac->c, t) && ac->ev.delWrite != NULL)
		ac->ev.delWrite(ac->ev.data);
	watch_writable(&ac->c, t);
	if (ac->ev.addRead != NULL)
		ac->ev.addRead(ac->ev.data);
}

static void close_socket(redisContext *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static const redisContextFuncs tls_funcs = {
	.close = close_socket,
	.free_privctx = tls_free,
	.async_read = async_read,
	.async_write = async_write,
	.read = tls_read,
	.write = tls_write,
};

static struct tls *state_of(const redisContext *c)
{
	return c->funcs == &tls_funcs ? c->privctx : NULL;
}

static void keep(redisContext *c, struct tls *t)
{
	c->funcs = &tls_funcs;
	c->privctx = t;
}

#else

/* A flag that hiredis does not use, and keeps when it reconnects. */
enum { WITH_TLS = 0x40000000 };

static struct tls *state_of(const redisContext *c)
{
	return c->flags & WITH_TLS ? c->reader->privdata : NULL;
}

static void keep(redisContext *c, struct tls *t)
{
	c->flags |= WITH_TLS;
	c->reader->privdata = t;
}

/* hiredis' own function, for contexts without TLS: ISO C has no cast for what dlsym() returns. */
#define HIREDIS_OWN(pointer, name) (*(void **)&(pointer) = dlsym(RTLD_NEXT, name))

int redisBufferRead(redisContext *c)
{
	int (*own)(redisContext *);
	char buf[16384];
	ssize_t n;

	if (!(c->flags & WITH_TLS)) {
		HIREDIS_OWN(own, "redisBufferRead");
		return own(c);
	}
	/* One readable socket may hold many records, and the event loop does not know of those
	 * that are decrypted already. */
	do {
		if (c->err != 0 || (n = tls_read(c, buf, sizeof buf)) < 0)
			return REDIS_ERR;
		if (n > 0 && redisReaderFeed(c->reader, buf, (size_t)n) != REDIS_OK)
			return fail(c, c->reader->err, c->reader->errstr);
	} while (!(c->flags & REDIS_BLOCK) && tlsmith_conn_pending(state_of(c)->conn) > 0);
	watch_writable(c, state_of(c));
	return REDIS_OK;
}

int redisBufferWrite(redisContext *c, int *done)
{
	int (*own)(redisContext *, int *);
	ssize_t n;

	if (!(c->flags & WITH_TLS)) {
		HIREDIS_OWN(own, "redisBufferWrite");
		return own(c, done);
	}
	if (c->err != 0 || (sdslen(c->obuf) > 0 && (n = tls_write(c)) < 0))
		return REDIS_ERR;
	if (sdslen(c->obuf) > 0)
		sdsrange(c->obuf, n, -1);
	if (done != NULL)
		*done = state_of(c)->ac != NULL ? !wants_writable(c, state_of(c)) : sdslen(c->obuf) == 0;
	return REDIS_OK;
}

void redisFree(redisContext *c)
{
	void (*own)(redisContext *);

	HIREDIS_OWN(own, "redisFree");
	if (c != NULL)
		tls_free(state_of(c));
	own(c);
}

int redisReconnect(redisContext *c)
{
	int (*own)(redisContext *);

	HIREDIS_OWN(own, "redisReconnect");
	tls_free(state_of(c));
	return own(c);
}

#endif
