/* epoll_echo [-e] PORT CERT.pem KEY.pem: an echo server for any number of
 * clients in one thread.  With -e epoll is edge-triggered. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <time.h>
#include <tlsmith.h>

enum { ROOM = 65536, TURNS = 4, HANDSHAKE_MS = 3000 };

/* `data` holds what a client sent until it is echoed.  While it is full, the
 * client is not read. */
struct client {
	tlsmith_conn *conn;
	TAILQ_ENTRY(client) handshaking, ready;
	int64_t since;
	size_t start, end;
	uint32_t events;
	bool is_handshaking, is_ready, ended;
	char data[ROOM];
};

/* Clients in the handshake, oldest first; clients with more work to do. */
static TAILQ_HEAD(clients, client)
    handshaking = TAILQ_HEAD_INITIALIZER(handshaking),
    ready = TAILQ_HEAD_INITIALIZER(ready);
static int epoll, listener;
static bool edges, full;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void watch(int how, int fd, uint32_t events, struct client *c)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	epoll_ctl(epoll, how, fd, &event);
}

static void drop(struct client *c)
{
	if (c->is_handshaking)
		TAILQ_REMOVE(&handshaking, c, handshaking);
	if (c->is_ready)
		TAILQ_REMOVE(&ready, c, ready);
	tlsmith_conn_free(c->conn);
	free(c);
	if (full)
		watch(EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
	full = false;
}

static bool wants(ptrdiff_t n)
{
	return n == TLSMITH_WANT_READ || n == TLSMITH_WANT_WRITE;
}

/* Reads and writes what is possible.  Returns 1 if there may be more, 0 if the
 * client must wait, or a negative code. */
static ptrdiff_t echo(struct client *c)
{
	ptrdiff_t got = 0, sent = 0;

	if (c->start == c->end)
		c->start = c->end = 0;
	if (!c->ended && c->end < ROOM) {
		got = tlsmith_read(c->conn, c->data + c->end, ROOM - c->end);
		if (got < 0 && !wants(got))
			return got;
		c->ended = got == 0;
		c->end += got > 0 ? got : 0;
	}
	if (c->start < c->end) {
		sent = tlsmith_write(c->conn, c->data + c->start, c->end - c->start);
		if (sent < 0 && !wants(sent))
			return sent;
		c->start += sent > 0 ? sent : 0;
	}
	return got > 0 || sent > 0;
}

/* Serves a client until it must wait, or has used its share of time. */
static void serve(struct client *c)
{
	ptrdiff_t n = tlsmith_flush(c->conn);
	uint32_t events = 0;
	int turn;

	if (wants(n) || n == 0)
		for (n = 1, turn = 0; n > 0 && turn < TURNS; turn++)
			n = echo(c);
	if (n == 0 && c->ended && c->start == c->end) {
		n = tlsmith_shutdown(c->conn);
		if (n == 0 || !wants(n)) {
			drop(c);
			return;
		}
	} else if (n < 0) {
		fprintf(stderr, "%s\n", tlsmith_conn_error(c->conn));
		drop(c);
		return;
	}
	if (c->is_handshaking && tlsmith_conn_version(c->conn) != 0) {
		TAILQ_REMOVE(&handshaking, c, handshaking);
		c->is_handshaking = false;
	}
	if (c->is_ready)
		TAILQ_REMOVE(&ready, c, ready);
	if ((c->is_ready = n > 0))
		TAILQ_INSERT_TAIL(&ready, c, ready);
	if (edges)
		return;
	if (!c->ended && c->end < ROOM)
		events |= EPOLLIN;
	if (c->start < c->end || tlsmith_conn_events(c->conn) & POLLOUT)
		events |= EPOLLOUT;
	if (events != c->events)
		watch(EPOLL_CTL_MOD, tlsmith_conn_fd(c->conn), events, c);
	c->events = events;
}

/* Accepts all queued clients. */
static void welcome(tlsmith_ctx *ctx)
{
	for (;;) {
		struct client *c = calloc(1, sizeof *c);

		if (c == NULL)
			return;
		c->conn = tlsmith_conn_new(ctx);
		/* From here on no call blocks. */
		tlsmith_conn_set_timeout(c->conn, 0);
		if (tlsmith_accept(c->conn, listener) < 0) {
			int error = tlsmith_conn_errno(c->conn);

			drop(c);
			/* Out of descriptors: accept more when a client leaves. */
			full = error == EMFILE || error == ENFILE;
			if (full)
				watch(EPOLL_CTL_MOD, listener, 0, NULL);
			return;
		}
		c->since = now();
		c->is_handshaking = true;
		TAILQ_INSERT_TAIL(&handshaking, c, handshaking);
		/* An edge is reported once, so always watch both events. */
		c->events = edges ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN;
		watch(EPOLL_CTL_ADD, tlsmith_conn_fd(c->conn), c->events, c);
	}
}

/* How long to wait: until the next handshake times out. */
static int patience(void)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&handshaking)) != NULL) {
		int64_t left = c->since + HANDSHAKE_MS - now();

		if (left > 0)
			return TAILQ_EMPTY(&ready) ? (int)left : 0;
		drop(c);
	}
	return TAILQ_EMPTY(&ready) ? -1 : 0;
}

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	struct epoll_event events[64];
	struct client *c;
	int i, n;

	edges = argc > 1 && strcmp(argv[1], "-e") == 0;
	if (argc != 4 + edges)
		return 2;
	argv += edges;
	if (tlsmith_ctx_use_cert(ctx, argv[2], argv[3]) < 0 ||
	    (listener = tlsmith_listen("127.0.0.1", argv[1])) < 0) {
		fprintf(stderr, "%s\n", tlsmith_last_error());
		return 1;
	}
	fcntl(listener, F_SETFL, O_NONBLOCK);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	for (;;) {
		n = epoll_wait(epoll, events, 64, patience());
		for (i = 0; i < n; i++)
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr);
		if ((c = TAILQ_FIRST(&ready)) != NULL)
			serve(c);
		/* Last: a new client may reuse the memory of one that left. */
		for (i = 0; i < n; i++)
			if (events[i].data.ptr == NULL)
				welcome(ctx);
	}
}
