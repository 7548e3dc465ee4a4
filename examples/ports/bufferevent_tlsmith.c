/* TLS for libevent's bufferevents: a filter that moves bytes through a tlsmith connection in
 * memory.  libevent's filters report neither errors nor the end of what they filter, so the
 * callbacks of the underlying bufferevent come here first. */
#include <stdlib.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include "bufferevent_tlsmith.h"

enum {
	PIECE = 16384,       /* about one record */
	BACKLOG = 16 * PIECE /* what may wait encrypted, in each direction */
};

struct tls {
	struct bufferevent *bev, *underlying;
	tlsmith_conn *conn;
	/* libevent's filter, which is called for what it does right. */
	bufferevent_data_cb filter_read, filter_write;
	bufferevent_event_cb filter_event;
	void *filter;
	bool connected, failed, failure_reported, ended, ending, shut, end_reported;
};

static void trigger(struct tls *t, short what)
{
	bufferevent_trigger_event(t->bev, what, BEV_TRIG_DEFER_CALLBACKS);
}

/* Reports a failure, or that all is sent, when the kernel has everything, the alert that tells
 * the peer why too: programs free the bufferevent then. */
static void report(struct tls *t)
{
	if (evbuffer_get_length(bufferevent_get_output(t->underlying)) > 0)
		return;
	if (t->failed && !t->failure_reported)
		trigger(t, BEV_EVENT_ERROR);
	else if (t->shut && !t->failed && !t->end_reported)
		trigger(t, BEV_EVENT_EOF | BEV_EVENT_WRITING);
	t->failure_reported = t->failed;
	t->end_reported = t->shut;
}

/* Sends what tlsmith has for the peer, and looks at the result of the call before. */
static bool settle(struct tls *t, ptrdiff_t n)
{
	struct evbuffer *out = bufferevent_get_output(t->underlying);
	const void *data;
	ptrdiff_t len;

	while ((len = tlsmith_drain_borrowed(t->conn, &data)) > 0)
		evbuffer_add(out, data, (size_t)len);
	if (n < 0 && n != TLSMITH_WANT_READ && n != TLSMITH_WANT_WRITE)
		t->failed = true;
	report(t);
	return !t->failed;
}

static void advance_handshake(struct tls *t)
{
	int n;

	if (t->connected || t->failed)
		return;
	n = tlsmith_handshake(t->conn);
	t->connected = n == 0;
	if (!settle(t, n) || !t->connected)
		return;
	trigger(t, BEV_EVENT_CONNECTED);
	/* What was written during the handshake. */
	bufferevent_flush(t->bev, EV_WRITE, t->ending ? BEV_FINISHED : BEV_NORMAL);
}

/* Decrypts all that tlsmith was fed: returns whether there was anything. */
static bool decrypt(struct tls *t, struct evbuffer *plain)
{
	ptrdiff_t n = TLSMITH_WANT_READ;
	bool any = false;
	char buf[PIECE];

	advance_handshake(t);
	while (t->connected && !t->ended && !t->failed &&
	    (n = tlsmith_read(t->conn, buf, sizeof buf)) > 0) {
		evbuffer_add(plain, buf, (size_t)n);
		any = true;
	}
	settle(t, n);
	if (n == 0 && !t->ended) {
		t->ended = true;
		trigger(t, BEV_EVENT_EOF | BEV_EVENT_READING);
	}
	return any;
}

/* Feeds no more than it may decrypt: nobody would ask for what is left in tlsmith. */
static enum bufferevent_filter_result input(struct evbuffer *from, struct evbuffer *plain,
    ev_ssize_t limit, enum bufferevent_flush_mode mode, void *state)
{
	size_t before = evbuffer_get_length(plain);
	struct tls *t = state;
	bool any = false;
	char piece[PIECE];
	int n;

	(void)mode;
	while (!t->failed && (limit < 0 || evbuffer_get_length(plain) - before < (size_t)limit) &&
	    (n = evbuffer_remove(from, piece, sizeof piece)) > 0)
		if (settle(t, tlsmith_feed(t->conn, piece, (size_t)n)))
			any |= decrypt(t, plain);
	return t->failed ? BEV_ERROR : any ? BEV_OK : BEV_NEED_MORE;
}

static enum bufferevent_filter_result output(struct evbuffer *plain, struct evbuffer *to,
    ev_ssize_t limit, enum bufferevent_flush_mode mode, void *state)
{
	size_t len = evbuffer_get_length(plain);
	struct tls *t = state;
	ptrdiff_t n = 0;

	(void)to, (void)limit, (void)mode;
	if (t->failed)
		return BEV_ERROR;
	if (!t->connected || t->shut)
		return BEV_NEED_MORE;
	len = len < PIECE ? len : PIECE;
	if (len > 0)
		n = tlsmith_write(t->conn, evbuffer_pullup(plain, (ev_ssize_t)len), len);
	if (n > 0)
		evbuffer_drain(plain, (size_t)n);
	if (n >= 0 && t->ending && evbuffer_get_length(plain) == 0) {
		t->shut = true;
		n = tlsmith_shutdown(t->conn);
	}
	if (!settle(t, n))
		return BEV_ERROR;
	return len > 0 && n > 0 ? BEV_OK : BEV_NEED_MORE;
}

static void underlying_read(struct bufferevent *underlying, void *state)
{
	struct tls *t = state;

	t->filter_read(underlying, t->filter);
}

static void underlying_written(struct bufferevent *underlying, void *state)
{
	struct tls *t = state;

	t->filter_write(underlying, t->filter);
	report(t);
}

static void underlying_event(struct bufferevent *underlying, short what, void *state)
{
	struct tls *t = state;

	if (what & BEV_EVENT_CONNECTED)
		return; /* TCP is: TLS is not */
	if (!(what & BEV_EVENT_EOF)) {
		t->filter_event(underlying, what, t->filter);
		return;
	}
	/* TCP ended: an error, unless close_notify came.  First what the program did not want
	 * to read yet. */
	if (evbuffer_get_length(bufferevent_get_input(underlying)) > 0) {
		bufferevent_flush(t->bev, EV_READ, BEV_FINISHED);
		bufferevent_trigger(t->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
	}
	if (!t->ended && !t->failed && settle(t, tlsmith_feed(t->conn, NULL, 0)))
		decrypt(t, bufferevent_get_input(t->bev));
}

static void state_free(void *state)
{
	struct tls *t = state;

	tlsmith_conn_free(t->conn);
	free(t);
}

static struct bufferevent *start(struct bufferevent *underlying, tlsmith_conn *conn)
{
	struct tls *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->conn = conn;
	t->underlying = underlying;
	/* What waits there holds up the program, or the peer: a filter alone has no limits. */
	bufferevent_setwatermark(underlying, EV_WRITE, 0, BACKLOG);
	bufferevent_setwatermark(underlying, EV_READ, 0, BACKLOG);
	t->bev = bufferevent_filter_new(underlying, input, output,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS, state_free, t);
	if (t->bev == NULL) {
		free(t);
		return NULL;
	}
	bufferevent_getcb(underlying, &t->filter_read, &t->filter_write, &t->filter_event, &t->filter);
	bufferevent_setcb(underlying, underlying_read, underlying_written, underlying_event, t);
	advance_handshake(t);
	return t->bev;
}

struct bufferevent *bufferevent_tlsmith_connect(struct bufferevent *underlying,
    tlsmith_conn *conn, const char *server_name)
{
	return tlsmith_connect_mem(conn, server_name) < 0 ? NULL : start(underlying, conn);
}

struct bufferevent *bufferevent_tlsmith_accept(struct bufferevent *underlying,
    tlsmith_conn *conn)
{
	return tlsmith_accept_mem(conn) < 0 ? NULL : start(underlying, conn);
}

static struct tls *state_of(struct bufferevent *bev)
{
	void *state;

	bufferevent_getcb(bufferevent_get_underlying(bev), NULL, NULL, NULL, &state);
	return state;
}

void bufferevent_tlsmith_shutdown(struct bufferevent *bev)
{
	struct tls *t = state_of(bev);

	t->ending = true;
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		bufferevent_flush(bev, EV_WRITE, BEV_FINISHED);
}

tlsmith_conn *bufferevent_tlsmith_conn(struct bufferevent *bev)
{
	return state_of(bev)->conn;
}
