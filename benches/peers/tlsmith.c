/* tlsmith, through its C API. */
#include "harness.h"
#include <tlsmith.h>

struct peer_ends {
	tlsmith_ctx *ctx[2];
};

#define HANDLE(conn) ((tlsmith_conn *)(conn))
#define CONN(handle) ((struct peer_conn *)(handle))

const char *peer_version(void)
{
	return tlsmith_version();
}

/* The reason is asked for only where it is needed. */
#define CHECK(good, reason) ((good) ? (void)0 : die("tlsmith: %s", reason))

/* ---- Contexts ---- */

static void use(tlsmith_ctx *ctx, const struct text *cert, const struct text *key)
{
	tlsmith_identity *id = tlsmith_identity_load_mem(cert->data, cert->len, key->data, key->len, NULL);

	CHECK(id != NULL, tlsmith_last_error());
	tlsmith_ctx_use(ctx, id);
	tlsmith_identity_free(id);
}

static tlsmith_ctx *common(const struct peer_settings *settings)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	tlsmith_ctx_set_versions(ctx, 0x0304, 0x0304);
	if (settings->cipher != NULL)
		tlsmith_ctx_set_ciphers(ctx, settings->cipher);
	if (settings->group != NULL)
		tlsmith_ctx_set_groups(ctx, settings->group);
	if (settings->resume)
		tlsmith_ctx_set_tickets(ctx, 1);
	else
		tlsmith_ctx_set_resumption(ctx, 0);
	return ctx;
}

struct peer_ends *peer_open(const struct peer_settings *settings)
{
	static struct peer_ends ends;
	tlsmith_ctx *client = common(settings), *server = common(settings);

	tlsmith_ctx_add_roots_mem(client, ca.data, ca.len);
	use(server, &server_cert, &server_key);
	if (settings->mutual) {
		use(client, &client_cert, &client_key);
		tlsmith_ctx_add_roots_mem(server, ca.data, ca.len);
		tlsmith_ctx_set_client_auth(server, TLSMITH_CLIENT_AUTH_REQUIRED);
	}
	CHECK(*tlsmith_ctx_error(client) == '\0', tlsmith_ctx_error(client));
	CHECK(*tlsmith_ctx_error(server) == '\0', tlsmith_ctx_error(server));
	ends.ctx[PEER_CLIENT] = client;
	ends.ctx[PEER_SERVER] = server;
	return &ends;
}

void peer_close(struct peer_ends *ends)
{
	tlsmith_ctx_free(ends->ctx[PEER_CLIENT]);
	tlsmith_ctx_free(ends->ctx[PEER_SERVER]);
}

/* The connection is what loads the roots. */
void peer_roots(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *conn = tlsmith_conn_new(ctx);

	CHECK(tlsmith_connect_mem(conn, "localhost") == 0, tlsmith_conn_error(conn));
	tlsmith_conn_free(conn);
	tlsmith_ctx_free(ctx);
}

/* ---- Connections ---- */

void peer_memory(struct peer_ends *ends, struct peer_conn *pair[2])
{
	tlsmith_conn *client = tlsmith_conn_new(ends->ctx[PEER_CLIENT]);
	tlsmith_conn *server = tlsmith_conn_new(ends->ctx[PEER_SERVER]);

	CHECK(tlsmith_connect_mem(client, "localhost") == 0, tlsmith_conn_error(client));
	CHECK(tlsmith_accept_mem(server) == 0, tlsmith_conn_error(server));
	pair[PEER_CLIENT] = CONN(client);
	pair[PEER_SERVER] = CONN(server);
}

struct peer_conn *peer_socket(struct peer_ends *ends, enum peer_side side, int fd)
{
	tlsmith_conn *conn = tlsmith_conn_new(ends->ctx[side]);
	int status = side == PEER_CLIENT ? tlsmith_connect_fd(conn, fd, "localhost") :
	    tlsmith_accept_fd(conn, fd);

	CHECK(status == 0, tlsmith_conn_error(conn));
	return CONN(conn);
}

void peer_free(struct peer_conn *conn)
{
	tlsmith_conn_free(HANDLE(conn));
}

bool peer_handshake(struct peer_conn *conn)
{
	int status = tlsmith_handshake(HANDLE(conn));

	CHECK(status == 0 || status == TLSMITH_WANT_READ, tlsmith_conn_error(HANDLE(conn)));
	return status == 0;
}

bool peer_resumed(struct peer_conn *conn)
{
	return tlsmith_conn_resumed(HANDLE(conn));
}

size_t peer_read(struct peer_conn *conn, void *buf, size_t len)
{
	ptrdiff_t n = tlsmith_read(HANDLE(conn), buf, len);

	CHECK(n > 0 || n == TLSMITH_WANT_READ, tlsmith_conn_error(HANDLE(conn)));
	return n > 0 ? (size_t)n : 0;
}

size_t peer_write(struct peer_conn *conn, const void *data, size_t len)
{
	ptrdiff_t n = tlsmith_write(HANDLE(conn), data, len);

	CHECK(n > 0 || n == TLSMITH_WANT_WRITE, tlsmith_conn_error(HANDLE(conn)));
	return n > 0 ? (size_t)n : 0;
}

/* A short piece is all there is. */
void peer_carry(struct peer_conn *from, struct peer_conn *to)
{
	const void *data;
	ptrdiff_t n;

	do {
		n = tlsmith_drain_borrowed(HANDLE(from), &data);
		CHECK(n >= 0, tlsmith_conn_error(HANDLE(from)));
		if (n > 0)
			CHECK(tlsmith_feed(HANDLE(to), data, (size_t)n) == 0, tlsmith_conn_error(HANDLE(to)));
	} while (n >= 65536);
}

/* ---- Certificates ---- */

bool peer_certificates(const char *kind)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *root, *id;

	opt.key_type = kind;
	root = tlsmith_gen_ca(&opt);
	id = tlsmith_issue_cert(root, "localhost,127.0.0.1,::1", &opt);
	CHECK(id != NULL && *tlsmith_identity_cert_pem(root) && *tlsmith_identity_key_pem(root) &&
	          *tlsmith_identity_cert_pem(id) && *tlsmith_identity_key_pem(id),
	    tlsmith_last_error());
	tlsmith_identity_free(id);
	tlsmith_identity_free(root);
	return true;
}
