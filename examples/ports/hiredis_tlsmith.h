/* TLS for hiredis, over tlsmith: what hiredis_ssl.h is over OpenSSL. */
#ifndef HIREDIS_TLSMITH_H
#define HIREDIS_TLSMITH_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <tlsmith.h>

/* Zero means default. */
typedef struct redisTlsmithOptions {
	const char *verify_name;          /* name in the certificate; NULL: the host connected to */
	const char *server_name;          /* SNI; NULL: verify_name */
	const tlsmith_identity *identity; /* client certificate; NULL: that of the tlsmith_ctx */
} redisTlsmithOptions;

/* Start TLS on a connected context.  Completes the handshake on a blocking context, with the
 * time limit of redisSetTimeout().  `options` may be NULL.  Returns REDIS_OK, or REDIS_ERR with
 * c->err and c->errstr set; the context can only be freed then.  redisReconnect() ends TLS:
 * every call fails until this one is called again. */
int redisInitiateTlsmith(redisContext *c, tlsmith_ctx *ctx, const redisTlsmithOptions *options);

/* Start TLS on an asynchronous context, which may still be connecting, before or after it is
 * attached to an event loop.  A failed handshake disconnects it with its reason in ac->errstr. */
int redisAsyncInitiateTlsmith(redisAsyncContext *ac, tlsmith_ctx *ctx,
    const redisTlsmithOptions *options);

/* The connection, for its facts and for the whole error (c->errstr has room for 127 bytes).
 * NULL if there is no TLS.  It belongs to the context. */
const tlsmith_conn *redisTlsmithConn(const redisContext *c);

#endif
