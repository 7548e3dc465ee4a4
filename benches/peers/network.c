/* network: both sides in threads of their own, with a socket between them. */
#define _GNU_SOURCE
#include "harness.h"
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void send_all(struct peer_conn *conn, const void *data, size_t len)
{
	for (size_t sent = 0, n; sent < len; sent += n)
		NEED((n = peer_write(conn, (const char *)data + sent, len - sent)) > 0);
}

void receive_all(struct peer_conn *conn, void *buf, size_t len)
{
	for (size_t received = 0, n; received < len; received += n)
		NEED((n = peer_read(conn, (char *)buf + received, len - received)) > 0);
}

/* Both ends of a TCP connection over the loopback interface. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof addr;
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(listener, (struct sockaddr *)&addr, len) == 0 && listen(listener, 1) == 0);
	NEED(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	fds[PEER_CLIENT] = socket(AF_INET, SOCK_STREAM, 0);
	NEED(connect(fds[PEER_CLIENT], (struct sockaddr *)&addr, len) == 0);
	NEED((fds[PEER_SERVER] = accept(listener, NULL, NULL)) >= 0);
	for (int side = 0; side < 2; side++)
		setsockopt(fds[side], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(listener);
}

/* ---- Messages ---- */

/* The client sends `count` messages of `size` bytes, and the server answers every
 * `every` of them with `answer` bytes. */
struct talk {
	struct peer_ends *ends;
	int fds[2];
	size_t size, answer;
	long count, every;
};

static void *serve(void *with)
{
	struct talk *talk = with;
	struct peer_conn *conn = peer_socket(talk->ends, PEER_SERVER, talk->fds[PEER_SERVER]);
	char *buf = malloc(talk->size);

	NEED(buf != NULL && peer_handshake(conn));
	/* One to warm up, and then all. */
	receive_all(conn, buf, talk->size);
	send_all(conn, buf, talk->answer);
	for (long i = 1; i <= talk->count; i++) {
		receive_all(conn, buf, talk->size);
		if (i % talk->every == 0)
			send_all(conn, buf, talk->answer);
	}
	peer_free(conn);
	free(buf);
	return NULL;
}

static double talked(struct talk *talk)
{
	struct peer_conn *conn;
	char *buf = calloc(1, talk->size);
	pthread_t server;
	double begin, time;

	NEED(buf != NULL);
	tcp_pair(talk->fds);
	NEED(pthread_create(&server, NULL, serve, talk) == 0);
	conn = peer_socket(talk->ends, PEER_CLIENT, talk->fds[PEER_CLIENT]);
	NEED(peer_handshake(conn));
	send_all(conn, buf, talk->size);
	receive_all(conn, buf, talk->answer);
	begin = now();
	for (long i = 1; i <= talk->count; i++) {
		send_all(conn, buf, talk->size);
		if (i % talk->every == 0)
			receive_all(conn, buf, talk->answer);
	}
	time = now() - begin;
	pthread_join(server, NULL);
	peer_free(conn);
	close(talk->fds[PEER_CLIENT]);
	close(talk->fds[PEER_SERVER]);
	free(buf);
	return time / (double)talk->count;
}

double tcp_bulk(const char *cipher, size_t size, long count)
{
	struct talk talk = { .size = size, .answer = 1, .count = count, .every = count };
	double time;

	if ((talk.ends = opened(cipher, NULL, "full")) == NULL)
		return -1;
	time = talked(&talk);
	peer_close(talk.ends);
	return time;
}

double ping_pong(const char *cipher, size_t size, long count)
{
	struct talk talk = { .size = size, .answer = size, .count = count, .every = 1 };
	double time;

	if ((talk.ends = opened(cipher, NULL, "full")) == NULL)
		return -1;
	time = talked(&talk);
	peer_close(talk.ends);
	return time;
}

/* ---- Idle connections ---- */

struct crowd {
	struct peer_ends *ends;
	struct peer_conn **conns[2];
	int (*fds)[2];
	long count;
};

/* Shakes hands and exchanges a message, which the client begins. */
static void be_there(struct crowd *crowd, enum peer_side side, long i)
{
	struct peer_conn *conn = peer_socket(crowd->ends, side, crowd->fds[i][side]);
	char buf[100] = { 0 };

	NEED(peer_handshake(conn));
	if (side == PEER_CLIENT)
		send_all(conn, buf, sizeof buf);
	receive_all(conn, buf, sizeof buf);
	if (side == PEER_SERVER)
		send_all(conn, buf, sizeof buf);
	crowd->conns[side][i] = conn;
}

static void *serve_crowd(void *with)
{
	struct crowd *crowd = with;

	for (long i = 0; i < crowd->count; i++)
		be_there(crowd, PEER_SERVER, i);
	return NULL;
}

static double in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)info.uordblks + (double)info.hblkhd;
}

/* How many connections the limit for descriptors leaves room for, each with two. */
static long room(long count)
{
	struct rlimit files;

	NEED(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	NEED(setrlimit(RLIMIT_NOFILE, &files) == 0);
	if (files.rlim_cur < (rlim_t)count * 2 + 100)
		count = ((long)files.rlim_cur - 100) / 2;
	return count;
}

static void crowd_new(struct crowd *crowd, long count)
{
	struct peer_settings settings = { .resume = true, .frugal = true };

	crowd->count = count;
	NEED((crowd->ends = peer_open(&settings)) != NULL);
	for (int side = 0; side < 2; side++)
		NEED((crowd->conns[side] = calloc((size_t)count, sizeof(struct peer_conn *))) != NULL);
	NEED((crowd->fds = calloc((size_t)count, sizeof *crowd->fds)) != NULL);
	for (long i = 0; i < count; i++)
		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, crowd->fds[i]) == 0);
}

long idle(long count, double *server, double *client)
{
	struct crowd crowd;
	pthread_t thread;
	double before, both, servers_alone;

	count = room(count);
	crowd_new(&crowd, count);
	before = in_use();
	NEED(pthread_create(&thread, NULL, serve_crowd, &crowd) == 0);
	for (long i = 0; i < count; i++)
		be_there(&crowd, PEER_CLIENT, i);
	pthread_join(thread, NULL);
	both = in_use();
	for (long i = 0; i < count; i++)
		peer_free(crowd.conns[PEER_CLIENT][i]);
	servers_alone = in_use();
	*server = (servers_alone - before) / (double)count;
	*client = (both - servers_alone) / (double)count;
	return count;
}
