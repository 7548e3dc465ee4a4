/* Threads that share connections and contexts: threads [MEGABYTES]. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "wires.h"

#define THREADS 64

static size_t volume = 1 << 20;

static void begin_over_socket(struct pair *p)
{
	begin(p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd) == 0);
	tlsmith_conn_set_timeout(p->client, 60000);
	tlsmith_conn_set_timeout(p->server, 60000);
	CHECK(tlsmith_connect_fd(p->client, p->fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(p->server, p->fd[1]) == 0);
}

static void run(pthread_t *thread, void *(*body)(void *), void *arg)
{
	if (!CHECK(pthread_create(thread, NULL, body, arg) == 0))
		exit(1);
}

/* ---- one writes, one reads, others look and change keys ---- */

/* Who changes keys is a writer too, for a moment: then it is tried again. */
static int is_turned_away(ptrdiff_t status)
{
	if (status != TLSMITH_ERR_STATE || !strstr(tlsmith_last_error(), "another thread writes"))
		return 0;
	sched_yield();
	return 1;
}

static void *write_all(void *conn)
{
	unsigned char data[20000];
	size_t at = 0, i;
	int status;

	while (at < volume) {
		size_t len = volume - at < sizeof data ? volume - at : sizeof data;
		ptrdiff_t n;

		for (i = 0; i < len; i++)
			data[i] = (unsigned char)((at + i) * 31 >> 3);
		do
			n = tlsmith_write(conn, data, len);
		while (is_turned_away(n));
		if (!CHECK(n == (ptrdiff_t)len))
			break;
		at += len;
	}
	do
		status = tlsmith_shutdown(conn);
	while (is_turned_away(status));
	CHECK(status == 0);
	return NULL;
}

static void *read_all(void *conn)
{
	unsigned char data[30000];
	size_t at = 0;
	ptrdiff_t n, i;

	while ((n = tlsmith_read(conn, data, sizeof data)) > 0) {
		for (i = 0; i < n; i++)
			if (data[i] != (unsigned char)((at + i) * 31 >> 3))
				break;
		CHECK(i == n);
		at += n;
	}
	CHECK(n == 0 && at == volume);
	return NULL;
}

/* More than 32 changes without data between are an attack.  The writer may be done
 * before us. */
static void *change_keys(void *conn)
{
	int i;

	for (i = 0; i < 12; i++) {
		int status = tlsmith_conn_key_update(conn);

		if (status == 0 || is_turned_away(status))
			continue;
		CHECK_FAILS(status, TLSMITH_ERR_STATE, tlsmith_last_error(), "close_notify was sent");
	}
	return NULL;
}

static atomic_int looking;

static void *look(void *conn)
{
	while (atomic_load(&looking)) {
		tlsmith_conn_set_timeout(conn, 60000);
		CHECK(tlsmith_conn_events(conn) >= 0);
		tlsmith_conn_pending(conn);
		tlsmith_conn_error(conn);
		tlsmith_conn_peer_cert(conn, 0);
		tlsmith_conn_verified_cert(conn, 0);
		CHECK(strlen(tlsmith_conn_report(conn)) > 0);
		sched_yield();
	}
	return NULL;
}

/* Nobody shakes hands first: all begin at once. */
static void data_flows_while_others_look(void)
{
	struct pair p;
	pthread_t threads[8];
	int i;

	begin_over_socket(&p);
	atomic_store(&looking, 1);
	for (i = 0; i < 2; i++) {
		tlsmith_conn *conn = i ? p.client : p.server;

		run(&threads[i], look, conn);
		run(&threads[2 + i], write_all, conn);
		run(&threads[4 + i], read_all, conn);
		run(&threads[6 + i], change_keys, conn);
	}
	for (i = 2; i < 8; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&looking, 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	CHECK(tlsmith_conn_version(p.client) == 0x0304);
	end(&p);
}

/* ---- too many on a direction ---- */

static atomic_int refused;

static void *shake_hands(void *conn)
{
	CHECK(tlsmith_handshake(conn) == 0);
	return NULL;
}

static void *read_once(void *conn)
{
	char buf[10];
	ptrdiff_t n = tlsmith_read(conn, buf, sizeof buf);

	if (n == TLSMITH_ERR_STATE) {
		CHECK(strstr(tlsmith_last_error(), "another thread reads") != NULL);
		atomic_fetch_add(&refused, 1);
	} else
		CHECK(n == 3 && memcmp(buf, "abc", 3) == 0);
	return NULL;
}

/* Three of them come back at once, and the fourth with the data. */
static void second_reader_gets_an_error(void)
{
	struct pair p;
	pthread_t threads[4];
	int i;

	begin_over_socket(&p);
	run(&threads[0], shake_hands, p.server);
	shake_hands(p.client);
	pthread_join(threads[0], NULL);
	for (i = 0; i < 4; i++)
		run(&threads[i], read_once, p.client);
	while (atomic_load(&refused) < 3 && failures == 0)
		sched_yield();
	CHECK(tlsmith_write(p.server, "abc", 3) == 3);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&refused) == 3);
	end(&p);
}

/* ---- many on a context ---- */

static atomic_int resumed, logged;

static void count_message(void *userdata, int level, const char *message)
{
	(void)level;
	atomic_fetch_add((atomic_int *)userdata, message[0] != 0);
}

/* The session of one thread is resumed by another. */
static void *connect_often(void *arg)
{
	char buf[10];
	int i;

	(void)arg;
	for (i = 0; i < 5; i++) {
		struct pair p;

		start_in_memory(&p);
		shake(&p);
		CHECK(tlsmith_write(p.server, "hello", 5) == 5);
		carry(p.server, p.client);
		CHECK(tlsmith_read(p.client, buf, sizeof buf) == 5);
		CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL);
		atomic_fetch_add(&resumed, tlsmith_conn_resumed(p.client));
		end(&p);
	}
	return NULL;
}

/* Their messages have a place that is taken away and set again meanwhile, and that
 * the last of them has. */
static void many_share_a_context(void)
{
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		CHECK(tlsmith_set_log(5, i % 2 ? count_message : NULL, &logged) == 0);
		run(&threads[i], connect_often, NULL);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	tlsmith_set_log(0, NULL, NULL);
	CHECK(atomic_load(&resumed) > 0);
	CHECK(atomic_load(&logged) > 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		volume = (size_t)atol(argv[1]) << 20;
	begin_all();
	data_flows_while_others_look();
	second_reader_gets_an_error();
	many_share_a_context();
	end_all();
	return failures != 0;
}
