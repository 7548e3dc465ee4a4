/* redis_client sync|async|again|mute PORT ROOTS VERIFY_NAME SERVER_NAME [CERT KEY]: what
 * test_ports.py has hiredis do over examples/ports/hiredis_tlsmith.c.  A name of "-" is not
 * set.  Prints what came of it, one fact a line. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include "hiredis_tlsmith.h"

enum { BIG = 1 << 20, MANY = 1000 };

static char big[BIG];
static size_t big_size = BIG; /* or $BIG_SIZE */
static struct event_base *base;
static int replies, wrong;
static bool ended;

static void check(const redisReply *r, const char *expected, size_t len)
{
	replies++;
	wrong += r == NULL || r->len != len || memcmp(r->str, expected, len) != 0;
}

static int failed(const char *what, int err, const char *errstr)
{
	printf("%s failed: %d %s\n", what, err, errstr);
	return 1;
}

static int talk(redisContext *c)
{
	redisReply *r;
	char text[16];
	int i;

	for (i = 0; i < MANY; i++)
		redisAppendCommand(c, "ECHO %d", i);
	redisAppendCommand(c, "SET big %b", big, big_size);
	redisAppendCommand(c, "GET big");
	for (i = 0; i < MANY + 2; i++) {
		if (redisGetReply(c, (void **)&r) != REDIS_OK)
			return failed("command", c->err, c->errstr);
		if (r->type == REDIS_REPLY_ERROR)
			return failed("command", 0, r->str);
		snprintf(text, sizeof text, "%d", i);
		if (i < MANY)
			check(r, text, strlen(text));
		else
			check(r, i == MANY ? "OK" : big, i == MANY ? 2 : big_size);
		freeReplyObject(r);
	}
	return 0;
}

static int be_sync(int port, tlsmith_ctx *ctx, const redisTlsmithOptions *o, bool again)
{
	struct timeval limit = { .tv_sec = 2 };
	redisContext *c = redisConnectWithTimeout("127.0.0.1", port, limit);
	int status = 0;

	redisSetTimeout(c, limit);
	if (redisInitiateTlsmith(c, ctx, o) != REDIS_OK)
		status = failed("handshake", c->err, c->errstr);
	else
		printf("connected with TLS %x\n", (unsigned)tlsmith_conn_version(redisTlsmithConn(c)));
	if (status == 0)
		status = talk(c);
	if (status == 0 && again) {
		if (redisReconnect(c) != REDIS_OK)
			status = failed("reconnect", c->err, c->errstr);
		if (redisCommand(c, "PING") == NULL)
			failed("command without TLS", c->err, c->errstr);
		if (redisReconnect(c) != REDIS_OK || redisInitiateTlsmith(c, ctx, o) != REDIS_OK)
			status = failed("handshake", c->err, c->errstr);
		else
			status = talk(c);
	}
	redisFree(c);
	return status;
}

static void connected(const redisAsyncContext *ac, int status)
{
	printf("connected %d\n", status);
	(void)ac;
}

static void disconnected(const redisAsyncContext *ac, int status)
{
	if (status != REDIS_OK)
		failed("connection", ac->err, ac->errstr);
	ended = true;
	event_base_loopbreak(base);
}

static void on_number(redisAsyncContext *ac, void *reply, void *text)
{
	(void)ac;
	check(reply, text, strlen(text));
	free(text);
}

static void on_big(redisAsyncContext *ac, void *reply, void *last)
{
	check(reply, big, big_size);
	if (last != NULL)
		redisAsyncDisconnect(ac);
}

/* Counts how often hiredis asks to be told that the socket is writable. */
static void (*add_write)(void *);
static int writes;

static void count_write(void *data)
{
	writes++;
	add_write(data);
}

static int be_async(int port, tlsmith_ctx *ctx, const redisTlsmithOptions *o, int seconds)
{
	redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", port);
	struct timeval limit = { .tv_sec = seconds };
	int i, room = 65536;
	char *text;

	base = event_base_new();
	/* So that the kernel does not take all at once. */
	setsockopt(ac->c.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	if (redisAsyncInitiateTlsmith(ac, ctx, o) != REDIS_OK) {
		failed("start", ac->err, ac->errstr);
		redisAsyncFree(ac);
		return 1;
	}
	redisLibeventAttach(ac, base);
	add_write = ac->ev.addWrite;
	ac->ev.addWrite = count_write;
	redisAsyncSetConnectCallback(ac, connected);
	redisAsyncSetDisconnectCallback(ac, disconnected);
	for (i = 0; i < MANY && asprintf(&text, "%d", i) > 0; i++)
		redisAsyncCommand(ac, on_number, text, "ECHO %d", i);
	redisAsyncCommand(ac, NULL, NULL, "SET big %b", big, big_size);
	redisAsyncCommand(ac, on_big, NULL, "GET big");
	redisAsyncCommand(ac, on_big, big, "GET big");
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
	printf("%d waits\n", writes);
	if (!ended)
		redisAsyncFree(ac);
	event_base_free(base);
	return 0;
}

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	redisTlsmithOptions o = { 0 };
	tlsmith_identity *id = NULL;
	int i, status, port;

	if (argc < 6)
		return 2;
	port = atoi(argv[2]);
	if (getenv("BIG_SIZE") != NULL)
		big_size = (size_t)atoi(getenv("BIG_SIZE"));
	for (i = 0; i < BIG; i++)
		big[i] = (char)(i * 7 + i / 251);
	tlsmith_ctx_add_roots(ctx, argv[3]);
	if (strcmp(argv[4], "-") != 0)
		o.verify_name = argv[4];
	if (strcmp(argv[5], "-") != 0)
		o.server_name = argv[5];
	if (argc > 7)
		o.identity = id = tlsmith_identity_load(argv[6], argv[7], NULL);
	status = strcmp(argv[1], "async") == 0 ? be_async(port, ctx, &o, 20) :
	    strcmp(argv[1], "mute") == 0 ? be_async(port, ctx, &o, 2) :
	    be_sync(port, ctx, &o, strcmp(argv[1], "again") == 0);
	printf("%d replies, %d wrong\n", replies, wrong);
	tlsmith_identity_free(id);
	tlsmith_ctx_free(ctx);
	return status;
}
