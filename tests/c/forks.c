/* Forked children: what they must not share with their parent, and what works on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"
#include "wires.h"

#define CHILDREN 4

static const unsigned char shared_key[32] = "0123456789abcdef0123456789abcdeF";

/* A child that does not end is one that waits for a lock of its parent's threads. */
static pid_t begin_child(void)
{
	pid_t child;

	fflush(NULL);
	if ((child = fork()) == 0) {
		alarm(120);
		failures = 0;
	}
	return child;
}

/* By another program: what the threads of the parent had is lost to a child, which is no
 * leak for valgrind to find at its end. */
static void end_child(void)
{
	fflush(NULL);
	execl("/bin/sh", "sh", "-c", failures != 0 ? "exit 1" : "exit 0", (char *)NULL);
	_exit(3);
}

static void await(pid_t child)
{
	int status = -1;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Shakes hands in one thread, where neither end waits. */
static void shake_in_turn(struct pair *p)
{
	int a, b, turns = 0;

	do {
		a = tlsmith_handshake(p->client);
		b = tlsmith_handshake(p->server);
	} while ((a != 0 || b != 0) && ++turns < 20);
	CHECK(a == 0 && b == 0);
}

/* Both ends over sockets, the handshake complete. */
static void shake_over_sockets(struct pair *p)
{
	begin(p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd) == 0);
	CHECK(tlsmith_connect_fd(p->client, p->fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(p->server, p->fd[1]) == 0);
	tlsmith_conn_set_timeout(p->client, 0);
	tlsmith_conn_set_timeout(p->server, 0);
	shake_in_turn(p);
}

static int is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

#define CHECK_REFUSED(call) CHECK_FAILS(call, TLSMITH_ERR_STATE, tlsmith_conn_error(conn), "forked")

/* Every call says why, and none of them sends anything. */
static void check_inherited(tlsmith_conn *conn)
{
	unsigned char buf[64];
	const void *lent;
	tlsmith_slice slice = { "x", 1 };

	CHECK_REFUSED(tlsmith_handshake(conn));
	CHECK_REFUSED(tlsmith_read(conn, buf, sizeof buf));
	CHECK_REFUSED(tlsmith_write(conn, "x", 1));
	CHECK_REFUSED(tlsmith_writev(conn, &slice, 1));
	CHECK_REFUSED(tlsmith_write_early(conn, "x", 1));
	CHECK_REFUSED(tlsmith_read_early(conn, buf, sizeof buf));
	CHECK_REFUSED(tlsmith_flush(conn));
	CHECK_REFUSED(tlsmith_shutdown(conn));
	CHECK_REFUSED(tlsmith_conn_key_update(conn));
	CHECK_REFUSED(tlsmith_conn_set_timeout(conn, 5));
	CHECK_REFUSED(tlsmith_feed(conn, "x", 1));
	CHECK_REFUSED(tlsmith_drain(conn, buf, sizeof buf));
	CHECK_REFUSED(tlsmith_drain_borrowed(conn, &lent));
	CHECK_REFUSED(tlsmith_conn_export(conn, "label", NULL, 0, buf, sizeof buf));
	CHECK_REFUSED(tlsmith_conn_handshake_bytes(conn, NULL, NULL));
	CHECK_REFUSED(tlsmith_connect_mem(conn, "localhost"));
	CHECK_REFUSED(tlsmith_accept_mem(conn));
	CHECK(tlsmith_conn_pending(conn) == 0 && tlsmith_conn_events(conn) == 0);
	CHECK(tlsmith_conn_version(conn) == 0 && tlsmith_conn_tickets(conn) == 0);
	CHECK(tlsmith_conn_peer_cert(conn, 0) == NULL && tlsmith_conn_verified_cert(conn, 0) == NULL);
	CHECK_TEXT(tlsmith_conn_cipher(conn), "");
	CHECK_TEXT(tlsmith_conn_report(conn), "");
	CHECK(tlsmith_conn_errno(conn) == 0 && tlsmith_conn_alert(conn) == -1);
}

static void a_child_cannot_use_a_connection_of_its_parent(void)
{
	struct pair p;
	tlsmith_conn *fresh;
	char buf[64];
	pid_t child;
	int fd[2];

	shake_over_sockets(&p);
	fresh = tlsmith_conn_new(client_ctx);
	/* What came is in the parent's socket, and stays there. */
	CHECK(tlsmith_write(p.server, "one", 3) == 3);
	if ((child = begin_child()) == 0) {
		fd[0] = p.fd[0];
		fd[1] = p.fd[1];
		check_inherited(p.client);
		check_inherited(p.server);
		check_inherited(fresh);
		tlsmith_conn_free(fresh);
		end(&p);
		CHECK(fcntl(fd[0], F_GETFD) == -1 && fcntl(fd[1], F_GETFD) == -1);
		end_child();
	}
	await(child);
	CHECK(is_silent(p.fd[1]));
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 3 && memcmp(buf, "one", 3) == 0);
	CHECK(is_silent(p.fd[0]));
	CHECK(tlsmith_write(p.client, "two", 3) == 3);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 3 && memcmp(buf, "two", 3) == 0);
	tlsmith_conn_free(fresh);
	end(&p);
}

static void a_child_cannot_complete_a_handshake_of_its_parent(void)
{
	struct pair p;
	pid_t child;

	start_over_memory(&p);
	CHECK(tlsmith_handshake(p.client) == TLSMITH_WANT_READ);
	if ((child = begin_child()) == 0) {
		check_inherited(p.client);
		check_inherited(p.server);
		end(&p);
		end_child();
	}
	await(child);
	shake(&p);
	end(&p);
}

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

static void a_child_does_not_wait_for_a_thread_of_its_parent_that_reads(void)
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
		start_over_memory(&p);
		shake(&p);
		CHECK(tlsmith_write(p.server, "x", 1) == 1);
		carry(p.server, p.client);
		CHECK(tlsmith_read(p.client, (char[1]){ 0 }, 1) == 1);
		end(&p);
	}
	return unused;
}

static void contexts_work_in_a_child_whatever_threads_of_its_parent_do(void)
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
			start_over_memory(&p);
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

static tlsmith_ctx *new_server_ctx(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	CHECK(tlsmith_ctx_use(ctx, localhost) == 0);
	return ctx;
}

static tlsmith_ctx *new_client_ctx(void)
{
	const char *pem = tlsmith_identity_cert_pem(ca);
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	CHECK(tlsmith_ctx_add_roots_mem(ctx, pem, strlen(pem)) == 0);
	return ctx;
}

/* A client that has a ticket of `server` meets it in the other process: whether it is
 * resumed there. */
static bool resumes_across_a_fork(tlsmith_ctx *server, bool child_is_server)
{
	tlsmith_ctx *own_server = server_ctx, *own_client = client_ctx;
	struct pair p;
	pid_t child;
	bool resumed;
	int fd[2];

	server_ctx = server;
	/* It has no other ticket. */
	client_ctx = new_client_ctx();
	start_over_memory(&p);
	shake(&p);
	CHECK(tlsmith_read(p.client, (char[1]){ 0 }, 1) == TLSMITH_WANT_READ);
	CHECK(tlsmith_conn_version(p.client) == 0x0303 || tlsmith_conn_tickets(p.client) > 0);
	end(&p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	child = begin_child();
	begin(&p);
	tlsmith_conn_set_timeout(p.client, 60000);
	tlsmith_conn_set_timeout(p.server, 60000);
	close(fd[child == 0]);
	p.fd[0] = fd[child != 0];
	if ((child == 0) == child_is_server) {
		CHECK(tlsmith_accept_fd(p.server, p.fd[0]) == 0);
		CHECK(tlsmith_handshake(p.server) == 0);
		CHECK(tlsmith_write(p.server, "x", 1) == 1);
		resumed = tlsmith_conn_resumed(p.server);
	} else {
		CHECK(tlsmith_connect_fd(p.client, p.fd[0], "localhost") == 0);
		CHECK(tlsmith_handshake(p.client) == 0);
		CHECK(tlsmith_read(p.client, (char[1]){ 0 }, 1) == 1);
		resumed = tlsmith_conn_resumed(p.client);
	}
	end(&p);
	if (child == 0)
		end_child();
	await(child);
	tlsmith_ctx_free(client_ctx);
	client_ctx = own_client;
	server_ctx = own_server;
	return resumed;
}

static void tickets_of_a_parent_are_not_those_of_its_child(void)
{
	static const int versions[] = { 0x0303, 0x0304 };
	tlsmith_ctx *ctx, *other;
	int i;

	for (i = 0; i < 2; i++) {
		ctx = new_server_ctx();
		tlsmith_ctx_set_versions(ctx, versions[i], versions[i]);
		CHECK(!resumes_across_a_fork(ctx, true));
		CHECK(!resumes_across_a_fork(ctx, false));
		tlsmith_ctx_free(ctx);

		/* Nor are sessions that servers keep and share. */
		ctx = new_server_ctx();
		other = new_server_ctx();
		tlsmith_ctx_set_versions(ctx, versions[i], versions[i]);
		CHECK(tlsmith_ctx_share_sessions(ctx, other) == 0);
		CHECK(!resumes_across_a_fork(ctx, true));
		tlsmith_ctx_free(ctx);
		tlsmith_ctx_free(other);

		/* Keys that are given are for all who have them. */
		ctx = new_server_ctx();
		tlsmith_ctx_set_versions(ctx, versions[i], versions[i]);
		CHECK(tlsmith_ctx_add_ticket_key(ctx, shared_key, sizeof shared_key) == 0);
		CHECK(resumes_across_a_fork(ctx, true));
		tlsmith_ctx_free(ctx);
	}
}

/* What is random in one process: a ClientHello's random value and key shares, a key and a
 * serial number. */
struct drawn {
	unsigned char hello[2048];
	char spki[65], serial[64];
};

static void draw(struct drawn *drawn)
{
	tlsmith_cert_options options = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_conn *conn = tlsmith_conn_new(client_ctx);
	tlsmith_identity *id;
	const tlsmith_cert *cert;

	memset(drawn, 0, sizeof *drawn);
	CHECK(tlsmith_connect_mem(conn, "localhost") == 0);
	CHECK(tlsmith_handshake(conn) == TLSMITH_WANT_READ);
	CHECK(tlsmith_drain(conn, drawn->hello, sizeof drawn->hello) > 100);
	tlsmith_conn_free(conn);
	options.key_type = "ed25519";
	id = tlsmith_self_signed("a.example", &options);
	cert = tlsmith_identity_cert(id, 0);
	snprintf(drawn->spki, sizeof drawn->spki, "%s", tlsmith_cert_spki_sha256(cert));
	snprintf(drawn->serial, sizeof drawn->serial, "%s", tlsmith_cert_serial(cert));
	tlsmith_identity_free(id);
}

static void random_numbers_of_processes_differ(void)
{
	struct drawn drawn[CHILDREN + 1];
	pid_t children[CHILDREN];
	char *at;
	size_t missing;
	ptrdiff_t n;
	int i, j, fd[2];

	/* The generator is in use before. */
	draw(&drawn[0]);
	for (i = 0; i < CHILDREN; i++) {
		CHECK(pipe(fd) == 0);
		if ((children[i] = begin_child()) == 0) {
			draw(&drawn[i]);
			for (at = (char *)&drawn[i], missing = sizeof *drawn; missing > 0;
			    at += n, missing -= n)
				if ((n = write(fd[1], at, missing)) <= 0)
					_exit(2);
			end_child();
		}
		close(fd[1]);
		for (at = (char *)&drawn[i], missing = sizeof *drawn; missing > 0;
		    at += n, missing -= n)
			if (!CHECK((n = read(fd[0], at, missing)) > 0))
				return;
		close(fd[0]);
		await(children[i]);
	}
	draw(&drawn[CHILDREN]);
	for (i = 0; i <= CHILDREN; i++)
		for (j = 0; j < i; j++) {
			/* The 32 bytes behind the headers and the version. */
			CHECK(memcmp(drawn[i].hello + 11, drawn[j].hello + 11, 32) != 0);
			CHECK(strcmp(drawn[i].spki, drawn[j].spki) != 0);
			CHECK(strcmp(drawn[i].serial, drawn[j].serial) != 0);
		}
}

static pid_t forked_in_callback;

/* The child returns to the handshake, and the parent when the child is done. */
static int fork_and_accept(void *userdata, const tlsmith_conn *conn, int status)
{
	(void)userdata, (void)conn;
	if ((forked_in_callback = begin_child()) > 0)
		await(forked_in_callback);
	return status;
}

static void a_child_that_a_callback_forks_does_not_go_on_with_the_handshake(void)
{
	tlsmith_ctx *own = client_ctx;
	struct pair p;
	int a, b, turns = 0;

	client_ctx = new_client_ctx();
	tlsmith_ctx_set_verify(client_ctx, fork_and_accept, NULL);
	begin(&p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fd) == 0);
	CHECK(tlsmith_connect_fd(p.client, p.fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(p.server, p.fd[1]) == 0);
	tlsmith_conn_set_timeout(p.client, 0);
	tlsmith_conn_set_timeout(p.server, 0);
	forked_in_callback = -1;
	do {
		a = tlsmith_handshake(p.client);
		if (forked_in_callback == 0) {
			CHECK_FAILS(a, TLSMITH_ERR_STATE, tlsmith_conn_error(p.client), "forked");
			CHECK(is_silent(p.fd[1]));
			end_child();
		}
		b = tlsmith_handshake(p.server);
	} while ((a != 0 || b != 0) && ++turns < 20);
	CHECK(a == 0 && b == 0 && forked_in_callback > 0);
	CHECK(tlsmith_write(p.client, "x", 1) == 1);
	CHECK(tlsmith_read(p.server, (char[1]){ 0 }, 1) == 1);
	end(&p);
	tlsmith_ctx_free(client_ctx);
	client_ctx = own;
}

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_logging;

static void log_under_lock(void *userdata, int level, const char *message)
{
	(void)userdata, (void)level, (void)message;
	is_logging = true;
	pthread_mutex_lock(&log_lock);
	pthread_mutex_unlock(&log_lock);
}

static void *shake_once(void *unused)
{
	struct pair p;

	start_over_memory(&p);
	shake(&p);
	end(&p);
	return unused;
}

static void a_fork_does_not_wait_for_a_log_callback(void)
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

static void count_message(void *count, int level, const char *message)
{
	(void)level, (void)message;
	++*(atomic_int *)count;
}

static void a_child_logs_where_its_parent_does(void)
{
	static atomic_int count;
	pid_t child;

	CHECK(tlsmith_set_log(5, count_message, &count) == 0);
	if ((child = begin_child()) == 0) {
		count = 0;
		shake_once(NULL);
		CHECK(count > 0);
		end_child();
	}
	await(child);
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

static void a_child_does_not_wait_for_a_thread_of_its_parent_that_asks_for_strings(void)
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
	a_child_cannot_use_a_connection_of_its_parent();
	a_child_cannot_complete_a_handshake_of_its_parent();
	a_child_does_not_wait_for_a_thread_of_its_parent_that_reads();
	/* AddressSanitizer's own allocator has locks that its children wait for, where
	 * threads allocate while the parent forks. */
#ifndef __SANITIZE_ADDRESS__
	contexts_work_in_a_child_whatever_threads_of_its_parent_do();
#endif
	tickets_of_a_parent_are_not_those_of_its_child();
	random_numbers_of_processes_differ();
	a_child_that_a_callback_forks_does_not_go_on_with_the_handshake();
	a_fork_does_not_wait_for_a_log_callback();
	a_child_logs_where_its_parent_does();
	a_child_does_not_wait_for_a_thread_of_its_parent_that_asks_for_strings();
	end_all();
	return failures != 0;
}
