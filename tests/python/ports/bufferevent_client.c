/* bufferevent_client [-w] PORT ROOTS NAME: what test_ports.py has a client over
 * examples/ports/bufferevent_tlsmith.c do: sends standard input, then close_notify, and writes
 * what it gets to standard output and each event to standard error.  With -w it reads with a
 * high watermark of 1000 bytes. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include "bufferevent_tlsmith.h"

static bool read_all, sent_all;

static void on_read(struct bufferevent *bev, void *high)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char buf[4096];
	int n;

	/* What one piece of 16 KiB completes and holds may be above the watermark. */
	if (high != NULL && evbuffer_get_length(in) > 1000 + 2 * 16384)
		fputs("too much at once\n", stderr);
	while ((n = evbuffer_remove(in, buf, sizeof buf)) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
}

static void on_event(struct bufferevent *bev, short what, void *high)
{
	tlsmith_conn *conn = bufferevent_tlsmith_conn(bev);

	on_read(bev, high);
	if (what == BEV_EVENT_CONNECTED)
		fprintf(stderr, "connected with %s\n", tlsmith_conn_cipher(conn));
	else if (what == (BEV_EVENT_EOF | BEV_EVENT_READING))
		fputs("peer ended\n", stderr);
	else if (what == (BEV_EVENT_EOF | BEV_EVENT_WRITING))
		fputs("sent all\n", stderr);
	else
		fprintf(stderr, "error %x: %s\n", (unsigned)what, tlsmith_conn_error(conn));
	read_all |= what == (BEV_EVENT_EOF | BEV_EVENT_READING);
	sent_all |= what == (BEV_EVENT_EOF | BEV_EVENT_WRITING);
	if ((read_all && sent_all) || what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
		event_base_loopbreak(bufferevent_get_base(bev));
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool high = argc == 5 && strcmp(argv[1], "-w") == 0;
	struct event_base *base = event_base_new();
	struct timeval limit = { .tv_sec = 20 };
	struct bufferevent *tcp, *bev;
	char buf[4096];
	tlsmith_ctx *ctx;
	size_t n;

	if (argc != 4 + high)
		return 2;
	argv += high;
	signal(SIGPIPE, SIG_IGN);
	ctx = tlsmith_ctx_new();
	tlsmith_ctx_add_roots(ctx, argv[2]);
	tcp = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	bev = bufferevent_tlsmith_connect(tcp, tlsmith_conn_new(ctx), argv[3]);
	if (bev == NULL || bufferevent_socket_connect(tcp, (struct sockaddr *)&to, sizeof to) < 0)
		return 1;
	bufferevent_setcb(bev, on_read, NULL, on_event, high ? base : NULL);
	if (high)
		bufferevent_setwatermark(bev, EV_READ, 0, 1000);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		bufferevent_write(bev, buf, n);
	bufferevent_tlsmith_shutdown(bev);
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
	bufferevent_free(bev);
	event_base_loop(base, EVLOOP_NONBLOCK); /* libevent frees it here */
	event_base_free(base);
	libevent_global_shutdown();
	tlsmith_ctx_free(ctx);
	return !(read_all && sent_all);
}
