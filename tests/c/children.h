/* Forked children of a test, and connections whose sides take turns in one thread. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/wait.h>

#include "check.h"
#include "wires.h"

/* A child that does not end is one that waits for a lock of its parent's threads. */
static inline pid_t begin_child(void)
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
static inline void end_child(void)
{
	fflush(NULL);
	execl("/bin/sh", "sh", "-c", failures != 0 ? "exit 1" : "exit 0", (char *)NULL);
	_exit(3);
}

static inline void await(pid_t child)
{
	int status = -1;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Shakes hands in one thread, where neither end waits. */
static inline void shake_in_turn(struct pair *p)
{
	int a, b, turns = 0;

	do {
		a = tlsmith_handshake(p->client);
		b = tlsmith_handshake(p->server);
	} while ((a != 0 || b != 0) && ++turns < 20);
	CHECK(a == 0 && b == 0);
}

/* Both ends over sockets, the handshake complete. */
static inline void shake_over_sockets(struct pair *p)
{
	begin(p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd) == 0);
	CHECK(tlsmith_connect_fd(p->client, p->fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(p->server, p->fd[1]) == 0);
	tlsmith_conn_set_timeout(p->client, 0);
	tlsmith_conn_set_timeout(p->server, 0);
	shake_in_turn(p);
}

static inline void *shake_once(void *unused)
{
	struct pair p;

	start_in_memory(&p);
	shake(&p);
	end(&p);
	return unused;
}

#define CHILDREN 4

static inline int is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

#define CHECK_REFUSED(call) CHECK_FAILS(call, TLSMITH_ERR_STATE, tlsmith_conn_error(conn), "forked")

/* Every call says why, and none of them sends anything. */
static inline void check_inherited(tlsmith_conn *conn)
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

#endif
