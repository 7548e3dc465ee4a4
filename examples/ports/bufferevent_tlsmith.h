/* TLS for libevent's bufferevents, over tlsmith: what bufferevent_openssl is over OpenSSL. */
#ifndef BUFFEREVENT_TLSMITH_H
#define BUFFEREVENT_TLSMITH_H

#include <event2/bufferevent.h>
#include <tlsmith.h>

/* A bufferevent whose bytes travel encrypted over `underlying`, as a client or as a server.
 * It owns `underlying` and `conn`, a new connection that may have settings but no transport
 * yet, and runs its callbacks from the loop.  NULL (with neither freed) on failure, with the
 * reason in tlsmith_conn_error().  Enable EV_READ, without which no handshake completes.
 *
 * Events: BEV_EVENT_CONNECTED after the handshake.  BEV_EVENT_EOF | BEV_EVENT_READING is the
 * peer's close_notify, and writing goes on.  BEV_EVENT_ERROR is everything else that ends a
 * connection, TCP that ends without close_notify too: see tlsmith_conn_error().
 * For use from the thread of the loop. */
struct bufferevent *bufferevent_tlsmith_connect(struct bufferevent *underlying,
    tlsmith_conn *conn, const char *server_name);
struct bufferevent *bufferevent_tlsmith_accept(struct bufferevent *underlying,
    tlsmith_conn *conn);

/* Send close_notify after all that was written; reading goes on.  BEV_EVENT_EOF |
 * BEV_EVENT_WRITING comes when the kernel has everything: free the bufferevent not earlier. */
void bufferevent_tlsmith_shutdown(struct bufferevent *bev);

/* The connection, for its facts and errors.  It belongs to the bufferevent. */
tlsmith_conn *bufferevent_tlsmith_conn(struct bufferevent *bev);

#endif
