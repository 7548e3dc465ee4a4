/* tls_proxy PORT CERT.pem KEY.pem BACKEND_PORT: accepts TLS and forwards plain TCP to a server
 * on 127.0.0.1, for any number of clients at once in one thread. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>
#include "bufferevent_tlsmith.h"

/* Nothing more is read from one side while this much waits for the other. */
enum { BACKLOG = 1 << 18 };

/* How long a client may be silent during its handshake, and after its answer is complete. */
static const struct timeval patience = { .tv_sec = 5 };

struct relay {
	struct bufferevent *client, *backend;
	bool connected, done, client_ended, backend_ended, client_shut, backend_shut;
};

struct proxy {
	tlsmith_ctx *ctx;
	struct sockaddr_in backend;
};

static void relay_free(struct relay *r)
{
	bufferevent_free(r->client);
	if (r->backend != NULL)
		bufferevent_free(r->backend);
	free(r);
}

/* Passes the end of one side on to the other, when everything before it is through. */
static void pass_ends(struct relay *r)
{
	if (r->client_ended && !r->backend_shut && r->connected &&
	    evbuffer_get_length(bufferevent_get_output(r->backend)) == 0) {
		r->backend_shut = true;
		shutdown(bufferevent_getfd(r->backend), SHUT_WR);
	}
	if (r->backend_ended && !r->client_shut) {
		r->client_shut = true;
		bufferevent_tlsmith_shutdown(r->client);
	}
}

static void move(struct bufferevent *from, void *state)
{
	struct relay *r = state;
	struct bufferevent *to = from == r->client ? r->backend : r->client;

	if (to == NULL)
		return;
	bufferevent_write_buffer(to, bufferevent_get_input(from));
	if (evbuffer_get_length(bufferevent_get_output(to)) >= BACKLOG)
		bufferevent_disable(from, EV_READ);
}

static void written(struct bufferevent *to, void *state)
{
	struct relay *r = state;
	struct bufferevent *from = to == r->client ? r->backend : r->client;

	if (from != NULL && evbuffer_get_length(bufferevent_get_output(to)) < BACKLOG)
		bufferevent_enable(from, EV_READ);
	pass_ends(r);
}

static void backend_event(struct bufferevent *backend, short what, void *state)
{
	struct relay *r = state;

	if (what & BEV_EVENT_CONNECTED) {
		r->connected = true;
		pass_ends(r);
		return;
	}
	if (!(what & BEV_EVENT_EOF)) {
		/* Without close_notify, so that the client does not take it for the end. */
		fprintf(stderr, "backend: %s\n", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
		relay_free(r);
		return;
	}
	move(backend, r);
	r->backend_ended = true;
	pass_ends(r);
}

static bool connect_backend(struct relay *r, struct proxy *p)
{
	struct event_base *base = bufferevent_get_base(r->client);

	r->backend = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (r->backend == NULL)
		return false;
	bufferevent_setcb(r->backend, move, written, backend_event, r);
	bufferevent_enable(r->backend, EV_READ | EV_WRITE);
	move(r->client, r);
	return bufferevent_socket_connect(r->backend, (struct sockaddr *)&p->backend,
	    sizeof p->backend) == 0;
}

static void client_event(struct bufferevent *client, short what, void *state)
{
	tlsmith_conn *conn = bufferevent_tlsmith_conn(client);
	struct bufferevent *tcp = bufferevent_get_underlying(client);
	struct relay *r = state;

	if (what & BEV_EVENT_CONNECTED) {
		bufferevent_set_timeouts(tcp, NULL, NULL);
		if (!connect_backend(r, tlsmith_conn_userdata(conn))) {
			perror("backend");
			relay_free(r);
			return;
		}
	} else if (what == (BEV_EVENT_EOF | BEV_EVENT_READING)) {
		r->client_ended = true;
		pass_ends(r);
	} else if (what == (BEV_EVENT_EOF | BEV_EVENT_WRITING)) {
		r->done = true;
		shutdown(bufferevent_getfd(tcp), SHUT_WR);
		bufferevent_set_timeouts(tcp, &patience, NULL);
	} else {
		fprintf(stderr, "client: %s\n", what & BEV_EVENT_TIMEOUT ? "silent for too long" :
		    what == BEV_EVENT_ERROR ? tlsmith_conn_error(conn) :
		    evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
		relay_free(r);
		return;
	}
	if (r->done && r->backend_shut)
		relay_free(r);
}

static void accept_client(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *from, int len, void *state)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct bufferevent *tcp = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	struct relay *r = calloc(1, sizeof *r);
	struct proxy *p = state;
	tlsmith_conn *conn = tlsmith_conn_new(p->ctx);

	(void)from, (void)len;
	if (tcp == NULL || r == NULL || (r->client = bufferevent_tlsmith_accept(tcp, conn)) == NULL) {
		fprintf(stderr, "client: %s\n", tlsmith_conn_error(conn));
		tlsmith_conn_free(conn);
		free(r);
		if (tcp != NULL)
			bufferevent_free(tcp);
		else
			evutil_closesocket(fd);
		return;
	}
	tlsmith_conn_set_userdata(conn, p);
	bufferevent_set_timeouts(tcp, &patience, NULL);
	bufferevent_setcb(r->client, move, written, client_event, r);
	bufferevent_enable(r->client, EV_READ | EV_WRITE);
}

static void resume(evutil_socket_t fd, short what, void *listener)
{
	(void)fd, (void)what;
	evconnlistener_enable(listener);
}

/* No descriptor is left for one more client: the others wait until one may be. */
static void pause_accepting(struct evconnlistener *listener, void *state)
{
	static const struct timeval soon = { .tv_usec = 100000 };

	(void)state;
	perror("accept");
	evconnlistener_disable(listener);
	event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, resume, listener, &soon);
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct proxy proxy = { .ctx = tlsmith_ctx_new(), .backend = here };
	struct event_base *base = event_base_new();
	struct evconnlistener *listener;

	if (argc != 5 || tlsmith_ctx_use_cert(proxy.ctx, argv[2], argv[3]) < 0) {
		fprintf(stderr, "tls_proxy PORT CERT KEY BACKEND_PORT: %s\n", tlsmith_ctx_error(proxy.ctx));
		return 1;
	}
	signal(SIGPIPE, SIG_IGN); /* libevent writes with writev() */
	here.sin_port = htons((uint16_t)atoi(argv[1]));
	proxy.backend.sin_port = htons((uint16_t)atoi(argv[4]));
	listener = evconnlistener_new_bind(base, accept_client, &proxy, LEV_OPT_CLOSE_ON_FREE |
	    LEV_OPT_REUSEABLE, -1, (struct sockaddr *)&here, sizeof here);
	if (listener == NULL) {
		perror("tls_proxy");
		return 1;
	}
	evconnlistener_set_error_cb(listener, pause_accepting);
	return event_base_dispatch(base);
}
