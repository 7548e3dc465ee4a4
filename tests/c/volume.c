/* Much data both ways at once through each transport: volume [MEGABYTES]. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "wires.h"

static size_t volume = 100 << 20;

/* What one thread does at one end. */
struct job {
	tlsmith_conn *conn;
	uint32_t seed;
	uint64_t sum;
	/* Over a socket that does not block it waits here. */
	int poll_fd;
};

/* A sum in which the place of each byte counts. */
static uint64_t add(uint64_t sum, const unsigned char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum = sum * 1099511628211u + data[i];
	return sum;
}

static void pause_for(const struct job *job, int status)
{
	struct pollfd ready = { job->poll_fd, status == TLSMITH_WANT_READ ? POLLIN : POLLOUT, 0 };

	if (CHECK(status == TLSMITH_WANT_READ || status == TLSMITH_WANT_WRITE))
		poll(&ready, 1, 1000);
	else {
		fprintf(stderr, "%s\n", tlsmith_conn_error(job->conn));
		exit(1);
	}
}

static void *send_volume(void *arg)
{
	struct job *job = arg;
	unsigned char *data = malloc(200000);
	size_t left = volume, i;

	while (left > 0) {
		size_t len = 1 + job->seed % 200000, sent = 0;

		len = len < left ? len : left;
		for (i = 0; i < len; i++)
			data[i] = (unsigned char)((job->seed = job->seed * 1664525 + 1013904223) >> 24);
		while (sent < len) {
			ptrdiff_t n = tlsmith_write(job->conn, data + sent, len - sent);

			if (n < 0)
				pause_for(job, (int)n);
			else
				sent += n;
		}
		job->sum = add(job->sum, data, len);
		left -= len;
	}
	for (;;) {
		int status = tlsmith_shutdown(job->conn);

		if (status == 0)
			break;
		pause_for(job, status);
	}
	free(data);
	return NULL;
}

static void *receive_volume(void *arg)
{
	struct job *job = arg;
	unsigned char *data = malloc(100000);
	size_t got = 0;
	ptrdiff_t n;

	while ((n = tlsmith_read(job->conn, data, 100000)) != 0) {
		if (n < 0) {
			pause_for(job, (int)n);
			continue;
		}
		job->sum = add(job->sum, data, n);
		got += n;
	}
	CHECK(got == volume);
	free(data);
	return NULL;
}

/* Four threads: at each end one writes while one reads. */
static void both_ways(struct pair *p, const char *what, int poll_client, int poll_server)
{
	struct job jobs[4] = {
		{ p->client, 1, 0, poll_client }, { p->server, 0, 0, poll_server },
		{ p->server, 2, 0, poll_server }, { p->client, 0, 0, poll_client },
	};
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, i % 2 ? receive_volume : send_volume,
		    &jobs[i]) == 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(jobs[0].sum == jobs[1].sum && jobs[2].sum == jobs[3].sum);
	CHECK(jobs[0].sum != jobs[2].sum);
	printf("%zu bytes both ways over %s\n", volume, what);
}

static void both_ways_over_sockets(void)
{
	struct odd odd[2] = { { .most = 9000 }, { .most = 9000 } };
	struct pair p;

	begin(&p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fd) == 0);
	CHECK(tlsmith_connect_fd(p.client, p.fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(p.server, p.fd[1]) == 0);
	both_ways(&p, "sockets", p.fd[0], p.fd[1]);
	end(&p);

	begin(&p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p.fd) == 0);
	CHECK(tlsmith_connect_fd(p.client, p.fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(p.server, p.fd[1]) == 0);
	both_ways(&p, "sockets that do not block", p.fd[0], p.fd[1]);
	end(&p);

	begin(&p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fd) == 0);
	odd[0].fd = p.fd[0];
	odd[1].fd = p.fd[1];
	CHECK(tlsmith_connect_io(p.client, odd_read, odd_write, &odd[0], "localhost") == 0);
	CHECK(tlsmith_accept_io(p.server, odd_read, odd_write, &odd[1]) == 0);
	both_ways(&p, "callbacks", -1, -1);
	end(&p);
}

static void both_ways_over_pipes(void)
{
	struct pair p;

	begin(&p);
	CHECK(pipe(p.fd) == 0 && pipe(p.fd + 2) == 0);
	CHECK(tlsmith_connect_fds(p.client, p.fd[0], p.fd[3], "localhost") == 0);
	CHECK(tlsmith_accept_fds(p.server, p.fd[2], p.fd[1]) == 0);
	CHECK(tlsmith_conn_fd(p.client) == -1);
	both_ways(&p, "pipes", -1, -1);
	end(&p);
}

/* One thread, all four directions in turn. */
static void both_ways_in_memory(void)
{
	static unsigned char data[100000];
	struct pair p;
	struct side {
		tlsmith_conn *conn, *peer;
		size_t sent, got;
		uint64_t sum_sent, sum_got;
	} sides[2];
	size_t i;
	int s;

	start_in_memory(&p);
	shake(&p);
	memset(sides, 0, sizeof sides);
	sides[0].conn = sides[1].peer = p.client;
	sides[1].conn = sides[0].peer = p.server;
	while (sides[0].got < volume || sides[1].got < volume)
		for (s = 0; s < 2; s++) {
			struct side *side = &sides[s];
			size_t len = volume - side->sent;
			ptrdiff_t n;

			len = len < sizeof data ? len : sizeof data;
			for (i = 0; i < len; i++)
				data[i] = (unsigned char)((side->sent + i) * 31 >> (3 + s));
			n = len ? tlsmith_write(side->conn, data, len) : 0;
			if (!CHECK(n >= 0 || n == TLSMITH_WANT_WRITE))
				return;
			side->sum_sent = add(side->sum_sent, data, n > 0 ? n : 0);
			side->sent += n > 0 ? n : 0;
			tlsmith_flush(side->conn);
			carry(side->conn, side->peer);
			while ((n = tlsmith_read(side->peer, data, sizeof data)) > 0) {
				side->sum_got = add(side->sum_got, data, n);
				side->got += n;
			}
			CHECK(n == TLSMITH_WANT_READ);
		}
	CHECK(sides[0].sum_sent == sides[0].sum_got && sides[1].sum_sent == sides[1].sum_got);
	CHECK(sides[0].sum_sent != sides[1].sum_sent);
	printf("%zu bytes both ways in memory\n", volume);
	end(&p);
}

static void tls_inside_tls(void)
{
	struct pair outer, inner;

	begin(&outer);
	begin(&inner);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, outer.fd) == 0);
	CHECK(tlsmith_connect_fd(outer.client, outer.fd[0], "localhost") == 0);
	CHECK(tlsmith_accept_fd(outer.server, outer.fd[1]) == 0);
	CHECK(tlsmith_connect_io(inner.client, through_read, through_write, outer.client,
	    "localhost") == 0);
	CHECK(tlsmith_accept_io(inner.server, through_read, through_write, outer.server) == 0);
	both_ways(&inner, "TLS over sockets", -1, -1);
	end(&inner);
	end(&outer);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		volume = (size_t)atol(argv[1]) << 20;
	begin_all();
	both_ways_over_sockets();
	both_ways_over_pipes();
	both_ways_in_memory();
	tls_inside_tls();
	end_all();
	return failures != 0;
}
