/* rustls, through the functions of rustls/src/lib.rs. */
#include "harness.h"
#include <sys/socket.h>
#include <sys/uio.h>

struct settings {
	const char *cipher, *group;
	const char *ca, *server_cert, *server_key, *client_cert, *client_key;
	bool mutual, resume;
};

struct wire {
	int fd;
	ptrdiff_t (*recv)(int fd, uint8_t *buf, size_t len);
	ptrdiff_t (*send)(int fd, const uint8_t *slices, size_t count);
};

struct slice {
	const uint8_t *data;
	size_t len;
};

struct slice_mut {
	uint8_t *data;
	size_t len;
};

struct peer_ends *bench_rustls_open(const struct settings *settings);
void bench_rustls_close(struct peer_ends *ends);
void bench_rustls_roots(void);
struct peer_conn *bench_rustls_memory(struct peer_ends *ends, bool is_client);
struct peer_conn *bench_rustls_socket(struct peer_ends *ends, bool is_client, struct wire wire);
void bench_rustls_free(struct peer_conn *conn);
bool bench_rustls_handshake(struct peer_conn *conn);
bool bench_rustls_resumed(const struct peer_conn *conn);
size_t bench_rustls_read(struct peer_conn *conn, struct slice_mut buf);
size_t bench_rustls_write(struct peer_conn *conn, struct slice data);
void bench_rustls_carry(struct peer_conn *from, struct peer_conn *to);

const char *peer_version(void)
{
	return "rustls " RUSTLS_VERSION;
}

struct peer_ends *peer_open(const struct peer_settings *settings)
{
	struct settings all = {
		.cipher = settings->cipher,
		.group = settings->group,
		.ca = ca.data,
		.server_cert = server_cert.data,
		.server_key = server_key.data,
		.client_cert = client_cert.data,
		.client_key = client_key.data,
		.mutual = settings->mutual,
		.resume = settings->resume,
	};

	return bench_rustls_open(&all);
}

void peer_close(struct peer_ends *ends)
{
	bench_rustls_close(ends);
}

void peer_roots(void)
{
	bench_rustls_roots();
}

void peer_memory(struct peer_ends *ends, struct peer_conn *pair[2])
{
	pair[PEER_CLIENT] = bench_rustls_memory(ends, true);
	pair[PEER_SERVER] = bench_rustls_memory(ends, false);
}

static ptrdiff_t wire_recv(int fd, uint8_t *buf, size_t len)
{
	return recv(fd, buf, len, 0);
}

static ptrdiff_t wire_send(int fd, const uint8_t *slices, size_t count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)slices, .msg_iovlen = count };

	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

struct peer_conn *peer_socket(struct peer_ends *ends, enum peer_side side, int fd)
{
	return bench_rustls_socket(ends, side == PEER_CLIENT,
	    (struct wire){ .fd = fd, .recv = wire_recv, .send = wire_send });
}

void peer_free(struct peer_conn *conn)
{
	bench_rustls_free(conn);
}

bool peer_handshake(struct peer_conn *conn)
{
	return bench_rustls_handshake(conn);
}

bool peer_resumed(struct peer_conn *conn)
{
	return bench_rustls_resumed(conn);
}

size_t peer_read(struct peer_conn *conn, void *buf, size_t len)
{
	return bench_rustls_read(conn, (struct slice_mut){ buf, len });
}

size_t peer_write(struct peer_conn *conn, const void *data, size_t len)
{
	return bench_rustls_write(conn, (struct slice){ data, len });
}

void peer_carry(struct peer_conn *from, struct peer_conn *to)
{
	bench_rustls_carry(from, to);
}

bool peer_certificates(const char *kind)
{
	(void)kind;
	return false;
}
