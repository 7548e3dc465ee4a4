/* Connections of this library with itself, over socket pairs and threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static tlsmith_identity *ca, *localhost;

/* Both ends of a connection, each with a thread when need be. */
struct pair {
	tlsmith_ctx *client_ctx, *server_ctx;
	tlsmith_conn *client, *server;
	int fd[2];
	int server_status;
};

static void *serve(void *arg)
{
	struct pair *p = arg;

	p->server_status = tlsmith_handshake(p->server);
	return NULL;
}

static tlsmith_ctx *trusting(const tlsmith_identity *root)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	const char *pem = tlsmith_identity_cert_pem(root);

	tlsmith_ctx_add_roots_mem(ctx, pem, strlen(pem));
	return ctx;
}

static void start(struct pair *p, const tlsmith_identity *id, const char *name)
{
	memset(p, 0, sizeof *p);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd) == 0);
	p->client_ctx = trusting(ca);
	p->server_ctx = tlsmith_ctx_new();
	tlsmith_ctx_use(p->server_ctx, id);
	p->client = tlsmith_conn_new(p->client_ctx);
	p->server = tlsmith_conn_new(p->server_ctx);
	tlsmith_conn_set_timeout(p->client, 60000);
	tlsmith_conn_set_timeout(p->server, 60000);
	CHECK(tlsmith_connect_fd(p->client, p->fd[0], name) == 0);
	CHECK(tlsmith_accept_fd(p->server, p->fd[1]) == 0);
}

/* Shakes hands on both sides, and gives the client's outcome. */
static int shake(struct pair *p)
{
	pthread_t thread;
	int status;

	CHECK(pthread_create(&thread, NULL, serve, p) == 0);
	status = tlsmith_handshake(p->client);
	pthread_join(thread, NULL);
	return status;
}

static void stop(struct pair *p)
{
	/* In whatever order: they hold what they need. */
	tlsmith_ctx_free(p->client_ctx);
	tlsmith_ctx_free(p->server_ctx);
	tlsmith_conn_free(p->client);
	tlsmith_conn_free(p->server);
	close(p->fd[0]);
	close(p->fd[1]);
}

static void both_sides_exchange_data_and_close(void)
{
	struct pair p;
	char buf[100];

	start(&p, localhost, "localhost");
	CHECK(tlsmith_conn_version(p.client) == 0);
	CHECK(tlsmith_conn_peer_cert(p.client, 0) == NULL);
	CHECK(shake(&p) == 0 && p.server_status == 0);
	CHECK(tlsmith_conn_version(p.client) == 0x0304);
	CHECK(strcmp(tlsmith_conn_group(p.client), "X25519MLKEM768") == 0);
	CHECK(strncmp(tlsmith_conn_cipher(p.client), "TLS_AES_", 8) == 0);
	CHECK(strcmp(tlsmith_conn_signature(p.client), "ecdsa_secp256r1_sha256") == 0);
	CHECK(strcmp(tlsmith_conn_server_name(p.server), "localhost") == 0);
	CHECK(tlsmith_conn_fd(p.client) == p.fd[0]);
	CHECK(strcmp(tlsmith_cert_sha256(tlsmith_conn_peer_cert(p.client, 0)),
	    tlsmith_cert_sha256(tlsmith_identity_cert(localhost, 0))) == 0);
	CHECK(tlsmith_conn_peer_cert(p.client, 0) == tlsmith_conn_peer_cert(p.client, 0));
	CHECK(strcmp(tlsmith_cert_pem(tlsmith_conn_verified_cert(p.client, 1)),
	    tlsmith_identity_cert_pem(ca)) == 0);
	CHECK(tlsmith_conn_peer_cert(p.server, 0) == NULL);

	CHECK(tlsmith_write(p.client, "hello", 5) == 5);
	CHECK(tlsmith_read(p.server, buf, 2) == 2);
	CHECK(tlsmith_conn_pending(p.server) == 3);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 3);
	CHECK(tlsmith_conn_events(p.server) == POLLIN);

	/* Half-close, both ways. */
	CHECK(tlsmith_shutdown(p.client) == 0);
	CHECK(tlsmith_shutdown(p.client) == 0);
	CHECK_FAILS(tlsmith_write(p.client, "x", 1), TLSMITH_ERR_STATE, tlsmith_conn_error(p.client),
	    "close_notify");
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 0);
	CHECK(tlsmith_read(p.server, buf, sizeof buf) == 0);
	CHECK(tlsmith_conn_events(p.server) == 0);
	CHECK(tlsmith_write(p.server, "late", 4) == 4);
	CHECK(tlsmith_shutdown(p.server) == 0);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 4);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 0);
	CHECK_FAILS(tlsmith_connect_fd(p.client, p.fd[0], "localhost"), TLSMITH_ERR_STATE,
	    tlsmith_conn_error(p.client), "already connected");
	stop(&p);
}

static void wrong_peers_are_rejected(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *other_ca, *other, *old_ca, *old;
	struct pair p;

	opt.common_name = "Other CA";
	other_ca = tlsmith_gen_ca(&opt);
	other = tlsmith_issue_cert(other_ca, "localhost", NULL);
	start(&p, other, "localhost");
	CHECK_FAILS(shake(&p), TLSMITH_ERR_CERT_UNKNOWN_ISSUER, tlsmith_conn_error(p.client), "CN=Other CA");
	CHECK_FAILS(p.server_status, TLSMITH_ERR_ALERT, tlsmith_conn_error(p.server), "unknown_ca");
	CHECK(tlsmith_conn_alert(p.server) == 48);
	CHECK(tlsmith_write(p.client, "secret", 6) == TLSMITH_ERR_CERT_UNKNOWN_ISSUER);
	puts(tlsmith_conn_error(p.client));
	stop(&p);

	start(&p, localhost, "other.example");
	CHECK_FAILS(shake(&p), TLSMITH_ERR_CERT_NAME_MISMATCH, tlsmith_conn_error(p.client),
	    "certificate is for 'localhost', but you asked for 'other.example'");
	puts(tlsmith_conn_error(p.client));
	stop(&p);

	memset(&opt, 0, sizeof opt);
	opt.size = sizeof opt;
	opt.not_before = 1500000000;
	opt.days = 9000;
	old_ca = tlsmith_gen_ca(&opt);
	opt.days = 30;
	old = tlsmith_issue_cert(old_ca, "localhost", &opt);
	start(&p, old, "localhost");
	tlsmith_ctx_add_roots_mem(p.client_ctx, "", 0);
	tlsmith_conn_free(p.client);
	tlsmith_ctx_free(p.client_ctx);
	p.client_ctx = trusting(old_ca);
	p.client = tlsmith_conn_new(p.client_ctx);
	CHECK(tlsmith_connect_fd(p.client, p.fd[0], "localhost") == 0);
	CHECK_FAILS(shake(&p), TLSMITH_ERR_CERT_EXPIRED, tlsmith_conn_error(p.client),
	    "expired on 2017-08-13");
	puts(tlsmith_conn_error(p.client));
	stop(&p);

	tlsmith_identity_free(other_ca);
	tlsmith_identity_free(other);
	tlsmith_identity_free(old_ca);
	tlsmith_identity_free(old);
}

static void truncated_connection_stays_truncated(void)
{
	struct pair p;
	const char *first;
	char buf[10];

	start(&p, localhost, "localhost");
	CHECK(shake(&p) == 0);
	CHECK(tlsmith_write(p.server, "half", 4) == 4);
	shutdown(p.fd[1], SHUT_RDWR);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == 4);
	CHECK_FAILS(tlsmith_read(p.client, buf, sizeof buf), TLSMITH_ERR_TRUNCATED,
	    tlsmith_conn_error(p.client), "without close_notify");
	first = tlsmith_conn_error(p.client);
	puts(first);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == TLSMITH_ERR_TRUNCATED);
	/* Writing to nobody raises no signal. */
	CHECK(tlsmith_write(p.client, "x", 1) == TLSMITH_ERR_IO);
	CHECK(tlsmith_conn_errno(p.client) == 32);
	CHECK(strstr(first, "without close_notify") != NULL);
	stop(&p);
}

static void silent_peer_times_out(void)
{
	struct pair p;
	struct timespec before, after;

	start(&p, localhost, "localhost");
	tlsmith_conn_set_timeout(p.client, 50);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_FAILS(tlsmith_handshake(p.client), TLSMITH_ERR_TIMEOUT, tlsmith_conn_error(p.client),
	    "within 50ms");
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 49);
	stop(&p);
}

static void garbage_is_a_protocol_error(void)
{
	struct pair p;

	start(&p, localhost, "localhost");
	CHECK(write(p.fd[0], "\x16\x03\x01\x00\x05garbage!", 13) == 13);
	CHECK_FAILS(tlsmith_handshake(p.server), TLSMITH_ERR_PROTOCOL, tlsmith_conn_error(p.server), "TLS");
	stop(&p);
}

static void nonblocking_calls_return_two_codes(void)
{
	struct pair p;
	static char data[1 << 20];
	char buf[10];
	ptrdiff_t n, sent = 0, got = 0;
	int a, b;

	start(&p, localhost, "localhost");
	fcntl(p.fd[0], F_SETFL, O_NONBLOCK);
	fcntl(p.fd[1], F_SETFL, O_NONBLOCK);
	tlsmith_conn_set_timeout(p.client, -1);
	tlsmith_conn_set_timeout(p.server, -1);
	CHECK(tlsmith_read(p.client, buf, sizeof buf) == TLSMITH_WANT_READ);
	do {
		a = tlsmith_handshake(p.server);
		b = tlsmith_handshake(p.client);
		CHECK(a == 0 || a == TLSMITH_WANT_READ);
		CHECK(b == 0 || b == TLSMITH_WANT_READ);
	} while (a < 0 || b < 0);
	while ((n = tlsmith_write(p.client, data, sizeof data)) > 0)
		sent += n;
	CHECK(n == TLSMITH_WANT_WRITE);
	CHECK(tlsmith_conn_events(p.client) == (POLLIN | POLLOUT));
	while (got < sent) {
		n = tlsmith_read(p.server, data, sizeof data);
		if (n > 0)
			got += n;
		else if (!CHECK(n == TLSMITH_WANT_READ))
			break;
		n = tlsmith_flush(p.client);
		CHECK(n == 0 || n == TLSMITH_WANT_WRITE);
	}
	CHECK(tlsmith_flush(p.client) == 0);
	CHECK(tlsmith_conn_events(p.client) == POLLIN);
	stop(&p);
}

enum { VOLUME = 4 << 20 };

static void *send_all(void *conn)
{
	char *data = calloc(1, VOLUME);

	CHECK(tlsmith_write(conn, data, VOLUME) == VOLUME);
	CHECK(tlsmith_shutdown(conn) == 0);
	free(data);
	return NULL;
}

static void *receive_all(void *conn)
{
	char buf[10000];
	ptrdiff_t n, total = 0;

	while ((n = tlsmith_read(conn, buf, sizeof buf)) > 0)
		total += n;
	CHECK(n == 0 && total == VOLUME);
	return NULL;
}

static void one_thread_reads_while_another_writes(void)
{
	struct pair p;
	pthread_t threads[4];
	int i;

	start(&p, localhost, "localhost");
	CHECK(shake(&p) == 0);
	pthread_create(&threads[0], NULL, send_all, p.client);
	pthread_create(&threads[1], NULL, send_all, p.server);
	pthread_create(&threads[2], NULL, receive_all, p.client);
	pthread_create(&threads[3], NULL, receive_all, p.server);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	stop(&p);
}

static void client_presents_its_certificate_on_request(void)
{
	tlsmith_identity *user = tlsmith_issue_cert(ca, "alice@example.org", NULL);
	const char *pem = tlsmith_identity_cert_pem(ca);
	struct pair p;
	int mode, shows;

	for (mode = TLSMITH_CLIENT_AUTH_NONE; mode <= TLSMITH_CLIENT_AUTH_REQUIRED; mode++)
		for (shows = 0; shows < 2; shows++) {
			start(&p, localhost, "localhost");
			tlsmith_conn_free(p.client);
			tlsmith_conn_free(p.server);
			tlsmith_ctx_free(p.client_ctx);
			tlsmith_ctx_free(p.server_ctx);
			p.client_ctx = trusting(ca);
			p.server_ctx = tlsmith_ctx_new();
			tlsmith_ctx_use(p.server_ctx, localhost);
			tlsmith_ctx_add_roots_mem(p.server_ctx, pem, strlen(pem));
			tlsmith_ctx_set_client_auth(p.server_ctx, mode);
			if (shows)
				tlsmith_ctx_use(p.client_ctx, user);
			p.client = tlsmith_conn_new(p.client_ctx);
			p.server = tlsmith_conn_new(p.server_ctx);
			CHECK(tlsmith_connect_fd(p.client, p.fd[0], "localhost") == 0);
			CHECK(tlsmith_accept_fd(p.server, p.fd[1]) == 0);
			CHECK(shake(&p) == 0);
			if (mode == TLSMITH_CLIENT_AUTH_REQUIRED && !shows)
				CHECK(p.server_status == TLSMITH_ERR_CERT_MISSING);
			else
				CHECK(p.server_status == 0);
			CHECK((tlsmith_conn_peer_cert(p.server, 0) != NULL) ==
			    (mode != TLSMITH_CLIENT_AUTH_NONE && shows));
			stop(&p);
		}
	tlsmith_identity_free(user);
}

/* ---- clients of a listener that misbehave ---- */

/* A client that knows nothing of TLS. */
static int plain_client(int listener)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	CHECK(connect(fd, (struct sockaddr *)&address, size) == 0);
	return fd;
}

static void reset(int fd)
{
	struct linger now = { 1, 0 };

	CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
	close(fd);
}

/* Accepts a client that says nothing: `ms` is its limit, 0 to leave it alone. */
static void accept_a_silent_client(int ms, const char *limit)
{
	int listener = tlsmith_listen("127.0.0.1", "0"), silent = plain_client(listener);
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c;

	tlsmith_ctx_use(ctx, localhost);
	c = tlsmith_conn_new(ctx);
	if (ms != 0)
		CHECK(tlsmith_conn_set_handshake_timeout(c, ms) == 0);
	CHECK(tlsmith_accept(c, listener) == 0);
	CHECK_FAILS(tlsmith_handshake(c), TLSMITH_ERR_TIMEOUT, tlsmith_conn_error(c), limit);
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
	close(silent);
	close(listener);
}

static void silent_client_times_out_after_the_configured_time(void)
{
	accept_a_silent_client(50, "complete the handshake within 50ms");
}

static void *a_silent_client_has_five_seconds(void *unused)
{
	accept_a_silent_client(0, "complete the handshake within 5s");
	return unused;
}

static void reset_by_a_client_is_no_caller_error(void)
{
	int listener = tlsmith_listen("127.0.0.1", "0"), gone, patient, fd;
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c;

	tlsmith_ctx_use(ctx, localhost);
	/* The program accepts it itself. */
	reset(plain_client(listener));
	fd = accept(listener, NULL, NULL);
	c = tlsmith_conn_new(ctx);
	CHECK(tlsmith_accept_fd(c, fd) == 0);
	CHECK_FAILS(tlsmith_handshake(c), TLSMITH_ERR_IO, tlsmith_conn_error(c), "reset");
	CHECK(tlsmith_conn_errno(c) == ECONNRESET);
	tlsmith_conn_free(c);
	close(fd);

	/* The library passes it over. */
	gone = plain_client(listener);
	patient = plain_client(listener);
	reset(gone);
	c = tlsmith_conn_new(ctx);
	CHECK(tlsmith_accept(c, listener) == 0);
	CHECK(write(patient, "GET / HTTP/1.0\r\n", 16) == 16);
	CHECK_FAILS(tlsmith_handshake(c), TLSMITH_ERR_PROTOCOL, tlsmith_conn_error(c), "GET");
	tlsmith_conn_free(c);
	close(patient);
	close(listener);
	tlsmith_ctx_free(ctx);
}

int main(void)
{
	pthread_t waiting;

	ca = tlsmith_gen_ca(NULL);
	localhost = tlsmith_issue_cert(ca, "localhost", NULL);
	CHECK(pthread_create(&waiting, NULL, a_silent_client_has_five_seconds, NULL) == 0);
	both_sides_exchange_data_and_close();
	wrong_peers_are_rejected();
	truncated_connection_stays_truncated();
	silent_peer_times_out();
	garbage_is_a_protocol_error();
	nonblocking_calls_return_two_codes();
	one_thread_reads_while_another_writes();
	client_presents_its_certificate_on_request();
	silent_client_times_out_after_the_configured_time();
	reset_by_a_client_is_no_caller_error();
	pthread_join(waiting, NULL);
	tlsmith_identity_free(ca);
	tlsmith_identity_free(localhost);
	return failures != 0;
}
