/* Forked children: what they must not share with their parent, and what works on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "children.h"

static const unsigned char shared_key[32] = "0123456789abcdef0123456789abcdeF";

static void child_cannot_use_a_connection_of_its_parent(void)
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

static void child_cannot_complete_a_handshake_of_its_parent(void)
{
	struct pair p;
	pid_t child;

	start_in_memory(&p);
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
	start_in_memory(&p);
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

static void parent_and_child_have_different_ticket_keys(void)
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

static void child_forked_in_a_callback_cannot_continue_the_handshake(void)
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

static void count_message(void *count, int level, const char *message)
{
	(void)level, (void)message;
	++*(atomic_int *)count;
}

static void child_logs_where_its_parent_does(void)
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

int main(void)
{
	begin_all();
	child_cannot_use_a_connection_of_its_parent();
	child_cannot_complete_a_handshake_of_its_parent();
	parent_and_child_have_different_ticket_keys();
	random_numbers_of_processes_differ();
	child_forked_in_a_callback_cannot_continue_the_handshake();
	child_logs_where_its_parent_does();
	end_all();
	return failures != 0;
}
