/* Forks of a process whose other threads use the library. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "children.h"

/* A socket that is read through a callback, which waits when it shall. */
struct waiting {
	int fd;
	atomic_bool waits, is_waiting;
};

static ptrdiff_t waiting_read(void *userdata, void *buf, size_t len)
{
	struct waiting *waiting = userdata;

	waiting->is_waiting = waiting->waits;
	return recv(waiting->fd, buf, len, waiting->waits ? 0 : MSG_DONTWAIT);
}

static ptrdiff_t waiting_write(void *userdata, const void *data, size_t len)
{
	return send(((struct waiting *)userdata)->fd, data, len, MSG_NOSIGNAL);
}

static void *read_once(void *conn)
{
	char buf[64];

	CHECK(tlsmith_read(conn, buf, sizeof buf) == 4);
	return NULL;
}

static void child_does_not_wait_for_a_parent_thread_that_reads(void)
{
	struct waiting waiting = { 0 };
	struct pair p;
	pthread_t reader;
	pid_t child;

	begin(&p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fd) == 0);
	waiting.fd = p.fd[0];
	CHECK(tlsmith_connect_io(p.client, waiting_read, waiting_write, &waiting, "localhost") == 0);
	CHECK(tlsmith_accept_fd(p.server, p.fd[1]) == 0);
	tlsmith_conn_set_timeout(p.server, 0);
	shake_in_turn(&p);
	waiting.waits = true;
	CHECK(pthread_create(&reader, NULL, read_once, p.client) == 0);
	while (!waiting.is_waiting)
		sched_yield();
	if ((child = begin_child()) == 0) {
		check_inherited(p.client);
		end(&p);
		end_child();
	}
	await(child);
	CHECK(tlsmith_write(p.server, "wake", 4) == 4);
	pthread_join(reader, NULL);
	end(&p);
}

#ifndef __SANITIZE_ADDRESS__

static atomic_bool is_over;

static void *shake_all_the_time(void *unused)
{
	struct pair p;

	while (!is_over) {
		start_in_memory(&p);
		shake(&p);
		CHECK(tlsmith_write(p.server, "x", 1) == 1);
		carry(p.server, p.client);
		CHECK(tlsmith_read(p.client, (char[1]){ 0 }, 1) == 1);
		end(&p);
	}
	return unused;
}

static void contexts_work_in_a_child_of_a_threaded_parent(void)
{
	pthread_t threads[2];
	struct pair p;
	pid_t child;
	int i;

	is_over = false;
	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, shake_all_the_time, NULL) == 0);
	for (i = 0; i < 25; i++) {
		if ((child = begin_child()) == 0) {
			start_in_memory(&p);
			shake(&p);
			CHECK(!tlsmith_conn_resumed(p.client));
			end(&p);
			/* With what they keep for the parent. */
			end_all();
			end_child();
		}
		await(child);
	}
	is_over = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

#endif

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static atomic_bool is_logging;

static void log_under_lock(void *userdata, int level, const char *message)
{
	(void)userdata, (void)level, (void)message;
	is_logging = true;
	pthread_mutex_lock(&log_lock);
	pthread_mutex_unlock(&log_lock);
}

static void fork_does_not_wait_for_a_log_callback(void)
{
	pthread_t thread;
	pid_t child;

	is_logging = false;
	CHECK(tlsmith_set_log(5, log_under_lock, NULL) == 0);
	pthread_mutex_lock(&log_lock);
	CHECK(pthread_create(&thread, NULL, shake_once, NULL) == 0);
	while (!is_logging)
		sched_yield();
	if ((child = begin_child()) == 0) {
		/* Nor does the child, for the thread that gives the message away. */
		CHECK(tlsmith_set_log(0, NULL, NULL) == 0);
		end_child();
	}
	pthread_mutex_unlock(&log_lock);
	await(child);
	pthread_join(thread, NULL);
	CHECK(tlsmith_set_log(0, NULL, NULL) == 0);
}

static atomic_bool is_over;

static void *ask_for_strings(void *session)
{
	while (!is_over) {
		tlsmith_session_cipher(session);
		tlsmith_strerror(TLSMITH_ERR_STATE);
	}
	return NULL;
}

static void child_does_not_wait_for_a_parent_thread_that_asks_for_strings(void)
{
	tlsmith_session *session;
	struct pair p;
	pthread_t thread;
	pid_t child;
	int i;

	shake_over_sockets(&p);
	CHECK(tlsmith_write(p.server, "x", 1) == 1);
	CHECK(tlsmith_read(p.client, (char[1]){ 0 }, 1) == 1);
	session = tlsmith_conn_session(p.client);
	is_over = false;
	CHECK(pthread_create(&thread, NULL, ask_for_strings, session) == 0);
	for (i = 0; i < 10 * CHILDREN; i++) {
		if ((child = begin_child()) == 0) {
			CHECK(strncmp(tlsmith_session_cipher(session), "TLS_", 4) == 0);
			CHECK(strlen(tlsmith_strerror(TLSMITH_ERR_STATE)) > 0);
			end_child();
		}
		await(child);
	}
	is_over = true;
	pthread_join(thread, NULL);
	tlsmith_session_free(session);
	end(&p);
}

int main(void)
{
	begin_all();
	child_does_not_wait_for_a_parent_thread_that_reads();
	/* AddressSanitizer's own allocator has locks that its children wait for, where
	 * threads allocate while the parent forks. */
#ifndef __SANITIZE_ADDRESS__
	contexts_work_in_a_child_of_a_threaded_parent();
#endif
	fork_does_not_wait_for_a_log_callback();
	child_does_not_wait_for_a_parent_thread_that_asks_for_strings();
	end_all();
	return failures != 0;
}
