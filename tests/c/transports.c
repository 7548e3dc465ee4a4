/* Connections in memory, and over callbacks, pipes and each other. */
#define _GNU_SOURCE
#include <poll.h>

#include "check.h"
#include "wires.h"

/* ---- memory ---- */

static void one_thread_plays_both_sides(void)
{
	static char data[2 << 20];
	struct pair p;
	char buf[100];
	ptrdiff_t n, taken = 0, got = 0;

	start_in_memory(&p);
	CHECK(tlsmith_conn_fd(p.client) == -1);
	CHECK(tlsmith_drain(p.client, buf, sizeof buf) == 0);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == TLSMITH_WANT_READ);
	shake(&p);
	CHECK(tlsmith_conn_version(p.server) == 0x0304);
	CHECK(tlsmith_write(p.client, "hello", 5) == 5);
	CHECK(carry(p.client, p.server) > 5);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 5 && memcmp(buf, "hello", 5) == 0);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == TLSMITH_WANT_READ);

	/* Memory is bounded: what nobody drains is taken no further. */
	while ((n = tlsmith_write(p.client, data, sizeof data)) > 0)
		taken += n;
	CHECK(n == TLSMITH_WANT_WRITE && taken >= 65536 && taken < 1 << 20);
	CHECK(tlsmith_conn_events(p.client) == (POLLIN | POLLOUT));
	while (got < taken) {
		carry(p.client, p.server);
		CHECK(tlsmith_flush(p.client) == 0 || tlsmith_flush(p.client) == TLSMITH_WANT_WRITE);
		n = tlsmith_read(p.server, data, sizeof data);
		if (!CHECK(n > 0 || n == TLSMITH_WANT_READ))
			break;
		got += n > 0 ? n : 0;
	}
	CHECK(got == taken && tlsmith_conn_events(p.client) == POLLIN);

	/* The end, said and not said. */
	CHECK(tlsmith_shutdown(p.client) == 0);
	carry(p.client, p.server);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 0);
	CHECK(tlsmith_feed(p.client, NULL, 0) == 0);
	CHECK_FAILS(tlsmith_read(p.client, buf, sizeof buf), TLSMITH_ERR_TRUNCATED,
	    tlsmith_conn_error(p.client), "close_notify");
	CHECK_FAILS(tlsmith_feed(p.client, "x", 1), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
	    "end");
	end(&p);
}

static void output_is_borrowed_without_a_copy(void)
{
	static char data[100000], back[sizeof data];
	const void *lent, *before = NULL;
	struct pair p;
	size_t got = 0;
	ptrdiff_t n;
	int pieces = 0;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7 + i / 255);
	start_in_memory(&p);
	shake(&p);
	CHECK(tlsmith_drain_borrowed(p.client, &lent) == 0 && lent == NULL);
	CHECK(tlsmith_write(p.client, data, sizeof data) == sizeof data);
	do {
		n = tlsmith_drain_borrowed(p.client, &lent);
		if (!CHECK(n > 0 && lent != NULL && lent != before))
			break;
		/* Other calls leave it alone. */
		CHECK(tlsmith_write(p.client, NULL, 0) == 0 && tlsmith_conn_pending(p.client) == 0);
		CHECK(tlsmith_feed(p.server, lent, (size_t)n) == 0);
		before = lent;
		pieces++;
	} while (n >= 65536);
	CHECK(pieces > 1 && tlsmith_conn_events(p.client) == POLLIN);
	while (got < sizeof data && (n = tlsmith_read(p.server, back + got, sizeof back - got)) > 0)
		got += (size_t)n;
	CHECK(got == sizeof data && memcmp(data, back, sizeof data) == 0);
	CHECK_FAILS(tlsmith_drain_borrowed(p.client, NULL), TLSMITH_ERR_ARG, tlsmith_conn_error(p.client),
	    "data is NULL");
	end(&p);
}

static void damaged_records_are_detected(void)
{
	struct pair p;
	char buf[200];
	ptrdiff_t n;

	start_in_memory(&p);
	shake(&p);
	CHECK(tlsmith_write(p.client, "secret", 6) == 6);
	n = tlsmith_drain(p.client, buf, sizeof buf);
	CHECK(n > 6);
	buf[n - 1] ^= 1;
	CHECK(tlsmith_feed(p.server, buf, n) == 0);
	CHECK_FAILS(tlsmith_read(p.server, buf, sizeof buf), TLSMITH_ERR_PROTOCOL,
	    tlsmith_conn_error(p.server), "damaged or forged");
	/* The alert waits for the peer. */
	carry(p.server, p.client);
	CHECK_FAILS(tlsmith_read(p.client, buf, sizeof buf), TLSMITH_ERR_ALERT,
	    tlsmith_conn_error(p.client), "bad_record_mac");
	CHECK(tlsmith_conn_alert(p.client) == 20);
	end(&p);
}

/* ---- callbacks ---- */

static void short_counts_and_eagain_do_no_harm(void)
{
	static char data[300000], back[sizeof data];
	struct odd client = { .most = 7, .interrupts = 1, .refusals = 1 };
	struct odd server = { .most = 1000, .interrupts = 1, .refusals = 1 };
	struct pair p;
	size_t sent = 0, got = 0, i;
	int fd[2], a = -1, b = -1;
	ptrdiff_t n;

	for (i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7 + i / 255);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	client.fd = fd[0];
	server.fd = fd[1];
	begin(&p);
	CHECK(tlsmith_connect_io(p.client, odd_read, odd_write, &client, "localhost") == 0);
	CHECK(tlsmith_accept_io(p.server, odd_read, odd_write, &server) == 0);
	while (a != 0 || b != 0) {
		a = tlsmith_handshake(p.client);
		b = tlsmith_handshake(p.server);
		if (!CHECK(a >= TLSMITH_WANT_WRITE && b >= TLSMITH_WANT_WRITE))
			break;
	}
	while (got < sizeof data) {
		n = tlsmith_write(p.server, data + sent, sizeof data - sent);
		if (!CHECK(n >= TLSMITH_WANT_WRITE))
			break;
		sent += n > 0 ? n : 0;
		n = tlsmith_read(p.client, back + got, sizeof back - got);
		if (!CHECK(n > 0 || n == TLSMITH_WANT_READ))
			break;
		got += n > 0 ? n : 0;
	}
	CHECK(got == sizeof data && memcmp(data, back, sizeof data) == 0);
	end(&p);
	close(fd[0]);
	close(fd[1]);
}

/* What a callback answers once, and errno with it. */
static ptrdiff_t answer;
static int answer_errno;

static ptrdiff_t answering_read(void *userdata, void *buf, size_t len)
{
	(void)userdata, (void)buf, (void)len;
	errno = answer_errno;
	return answer == PTRDIFF_MAX ? (ptrdiff_t)len + 1 : answer;
}

static ptrdiff_t answering_write(void *userdata, const void *data, size_t len)
{
	(void)data;
	return answering_read(userdata, NULL, len);
}

static ptrdiff_t taking_write(void *userdata, const void *data, size_t len)
{
	(void)userdata, (void)data;
	return len;
}

static void impossible_callback_results_are_errors(void)
{
	static const struct {
		ptrdiff_t answer;
		int error, read_status, write_status, left_errno;
	} cases[] = {
		{ -1, ECONNRESET, TLSMITH_ERR_IO, TLSMITH_ERR_IO, ECONNRESET },
		{ -1, 0, TLSMITH_ERR_IO, TLSMITH_ERR_IO, EIO },
		{ -1, EAGAIN, TLSMITH_WANT_READ, TLSMITH_WANT_WRITE, 0 },
		{ -7, EPIPE, TLSMITH_ERR_IO, TLSMITH_ERR_IO, EPIPE },
		{ PTRDIFF_MIN, EPIPE, TLSMITH_ERR_IO, TLSMITH_ERR_IO, EPIPE },
		{ PTRDIFF_MAX, 0, TLSMITH_ERR_IO, TLSMITH_ERR_IO, EIO },
		{ 0, 0, TLSMITH_ERR_TRUNCATED, TLSMITH_ERR_IO, EIO },
	};
	struct pair p;
	char buf[10];
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		answer = cases[i].answer;
		answer_errno = cases[i].error;
		begin(&p);
		CHECK(tlsmith_connect_io(p.client, answering_read, taking_write, NULL, "localhost") == 0);
		CHECK_FAILS(tlsmith_handshake(p.client), cases[i].read_status, "", "");
		if (cases[i].read_status == TLSMITH_ERR_IO)
			CHECK(tlsmith_conn_errno(p.client) == cases[i].left_errno);
		/* What was fatal stays. */
		CHECK(tlsmith_read(p.client, buf, sizeof buf) == cases[i].read_status);
		CHECK(tlsmith_write(p.client, "x", 1) == cases[i].read_status);
		end(&p);

		begin(&p);
		CHECK(tlsmith_connect_io(p.client, answering_read, answering_write, NULL,
		    "localhost") == 0);
		CHECK_FAILS(tlsmith_handshake(p.client), cases[i].write_status, "", "");
		if (cases[i].write_status == TLSMITH_ERR_IO)
			CHECK(tlsmith_conn_errno(p.client) == cases[i].left_errno);
		end(&p);
	}
}

static ptrdiff_t calling_read(void *userdata, void *buf, size_t len)
{
	tlsmith_conn *conn = userdata;

	CHECK_FAILS(tlsmith_read(conn, buf, len), TLSMITH_ERR_STATE, tlsmith_conn_error(conn),
	    "a callback of this connection");
	CHECK(tlsmith_conn_pending(conn) == 0 && tlsmith_conn_tickets(conn) == 0);
	CHECK(tlsmith_conn_early_data(conn) == TLSMITH_EARLY_DATA_NONE);
	errno = EAGAIN;
	return -1;
}

static void callback_cannot_call_its_own_connection(void)
{
	struct pair p;

	begin(&p);
	CHECK(tlsmith_connect_io(p.client, calling_read, taking_write, p.client, "localhost") == 0);
	CHECK(tlsmith_handshake(p.client) == TLSMITH_WANT_READ);
	end(&p);
}

/* ---- pipes ---- */

static void pipes_have_timeouts_and_raise_no_signal(void)
{
	struct pair p;
	char buf[10];

	begin(&p);
	CHECK(pipe(p.fd) == 0 && pipe(p.fd + 2) == 0);
	CHECK(tlsmith_connect_fds(p.client, p.fd[0], p.fd[3], "localhost") == 0);
	CHECK(tlsmith_conn_set_timeout(p.client, 30) == 0);
	CHECK_FAILS(tlsmith_read(p.client, buf, 10), TLSMITH_ERR_TIMEOUT, tlsmith_conn_error(p.client),
	    "within 30ms");
	end(&p);
	begin(&p);
	CHECK(pipe(p.fd) == 0 && pipe(p.fd + 2) == 0);
	close(p.fd[2]);
	p.fd[2] = -1;
	CHECK(tlsmith_connect_fds(p.client, p.fd[0], p.fd[3], "localhost") == 0);
	CHECK_FAILS(tlsmith_handshake(p.client), TLSMITH_ERR_IO, tlsmith_conn_error(p.client), "pipe");
	CHECK(tlsmith_conn_errno(p.client) == EPIPE);
	end(&p);
}

/* ---- TLS inside TLS ---- */

static void tls_inside_tls_in_memory(void)
{
	struct pair outer, inner;
	char buf[100];
	int a = -1, b = -1, turns = 0;

	start_in_memory(&outer);
	begin(&inner);
	CHECK(tlsmith_connect_io(inner.client, through_read, through_write, outer.client,
	    "localhost") == 0);
	CHECK(tlsmith_accept_io(inner.server, through_read, through_write, outer.server) == 0);
	while ((a != 0 || b != 0) && ++turns < 50) {
		a = tlsmith_handshake(inner.client);
		carry(outer.client, outer.server);
		b = tlsmith_handshake(inner.server);
		carry(outer.server, outer.client);
		CHECK(a >= TLSMITH_WANT_WRITE && b >= TLSMITH_WANT_WRITE);
	}
	CHECK(a == 0 && b == 0);
	CHECK(tlsmith_write(inner.client, "deep", 4) == 4);
	carry(outer.client, outer.server);
	CHECK(tlsmith_read(inner.server, buf, sizeof buf) == 4 && memcmp(buf, "deep", 4) == 0);
	CHECK(tlsmith_shutdown(inner.server) == 0);
	carry(outer.server, outer.client);
	CHECK(tlsmith_read(inner.client, buf, sizeof buf) == 0);
	end(&inner);
	end(&outer);
}

int main(void)
{
	begin_all();
	one_thread_plays_both_sides();
	output_is_borrowed_without_a_copy();
	damaged_records_are_detected();
	short_counts_and_eagain_do_no_harm();
	impossible_callback_results_are_errors();
	callback_cannot_call_its_own_connection();
	pipes_have_timeouts_and_raise_no_signal();
	tls_inside_tls_in_memory();
	end_all();
	return failures != 0;
}
