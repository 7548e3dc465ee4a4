/* rustls-ffi, rustls' own C API. */
#include "harness.h"
#include <errno.h>
/* What the crate has by default. */
#define DEFINE_AWS_LC_RS
#include <rustls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct peer_ends {
	const struct rustls_client_config *client;
	const struct rustls_server_config *server;
};

struct peer_conn {
	struct rustls_connection *tls;
	/* A socket, or -1: in memory `in` is what the other side sent. */
	int fd;
	struct pipe in;
};

const char *peer_version(void)
{
	static char version[64];
	struct rustls_str name = rustls_version();

	NEED(name.len < sizeof version);
	memcpy(version, name.data, name.len);
	return version;
}

static void check(rustls_result result, const char *what)
{
	char reason[256];
	size_t len;

	if (result != RUSTLS_RESULT_OK) {
		rustls_error(result, reason, sizeof reason, &len);
		die("%s: %.*s", what, (int)len, reason);
	}
}

/* ---- Contexts ---- */

static const struct rustls_root_cert_store *trusted(void)
{
	struct rustls_root_cert_store_builder *builder = rustls_root_cert_store_builder_new();
	const struct rustls_root_cert_store *store;

	check(rustls_root_cert_store_builder_add_pem(builder, (uint8_t *)ca.data, ca.len, true), "add_pem");
	check(rustls_root_cert_store_builder_build(builder, &store), "root_cert_store_builder_build");
	rustls_root_cert_store_builder_free(builder);
	return store;
}

static const struct rustls_certified_key *identity(const struct text *cert, const struct text *key)
{
	const struct rustls_certified_key *certified;

	check(rustls_certified_key_build((uint8_t *)cert->data, cert->len, (uint8_t *)key->data, key->len,
	          &certified), "certified_key_build");
	return certified;
}

/* The default provider with one cipher suite; NULL where it has no such. */
static const struct rustls_crypto_provider *with_cipher(const char *name)
{
	const struct rustls_crypto_provider *all = rustls_aws_lc_rs_crypto_provider(), *one = NULL;
	struct rustls_crypto_provider_builder *builder;

	if (name == NULL)
		return all;
	builder = rustls_crypto_provider_builder_new_with_base(all);
	for (size_t i = 0; i < rustls_crypto_provider_ciphersuites_len(all); i++) {
		const struct rustls_supported_ciphersuite *suite = rustls_crypto_provider_ciphersuites_get(all, i);

		if (rustls_supported_ciphersuite_get_suite(suite) != cipher_number(name))
			continue;
		check(rustls_crypto_provider_builder_set_cipher_suites(builder, &suite, 1), "set_cipher_suites");
		check(rustls_crypto_provider_builder_build(builder, &one), "crypto_provider_builder_build");
	}
	rustls_crypto_provider_builder_free(builder);
	rustls_crypto_provider_free(all);
	return one;
}

static const uint16_t tls13[] = { 0x0304 };

static const struct rustls_client_config *client(const struct rustls_crypto_provider *provider,
    const struct peer_settings *settings)
{
	const struct rustls_root_cert_store *store = trusted();
	struct rustls_web_pki_server_cert_verifier_builder *roots;
	struct rustls_server_cert_verifier *verifier;
	struct rustls_client_config_builder *builder;
	const struct rustls_client_config *config;

	roots = rustls_web_pki_server_cert_verifier_builder_new_with_provider(provider, store);
	check(rustls_web_pki_server_cert_verifier_builder_build(roots, &verifier), "server_cert_verifier");
	check(rustls_client_config_builder_new_custom(provider, tls13, 1, &builder), "client_config_builder_new");
	rustls_client_config_builder_set_server_verifier(builder, verifier);
	if (settings->mutual) {
		const struct rustls_certified_key *key = identity(&client_cert, &client_key);

		check(rustls_client_config_builder_set_certified_key(builder, &key, 1), "set_certified_key");
		rustls_certified_key_free(key);
	}
	check(rustls_client_config_builder_build(builder, &config), "client_config_builder_build");
	rustls_server_cert_verifier_free(verifier);
	rustls_web_pki_server_cert_verifier_builder_free(roots);
	rustls_root_cert_store_free(store);
	return config;
}

static void demand_certificates(struct rustls_server_config_builder *builder,
    const struct rustls_crypto_provider *provider)
{
	const struct rustls_root_cert_store *store = trusted();
	struct rustls_web_pki_client_cert_verifier_builder *roots;
	struct rustls_client_cert_verifier *verifier;

	roots = rustls_web_pki_client_cert_verifier_builder_new_with_provider(provider, store);
	check(rustls_web_pki_client_cert_verifier_builder_build(roots, &verifier), "client_cert_verifier");
	rustls_server_config_builder_set_client_verifier(builder, verifier);
	rustls_client_cert_verifier_free(verifier);
	rustls_web_pki_client_cert_verifier_builder_free(roots);
	rustls_root_cert_store_free(store);
}

static const struct rustls_server_config *server(const struct rustls_crypto_provider *provider,
    const struct peer_settings *settings)
{
	const struct rustls_certified_key *key = identity(&server_cert, &server_key);
	struct rustls_server_config_builder *builder;
	const struct rustls_server_config *config;

	check(rustls_server_config_builder_new_custom(provider, tls13, 1, &builder), "server_config_builder_new");
	check(rustls_server_config_builder_set_certified_keys(builder, &key, 1), "set_certified_keys");
	check(rustls_server_config_builder_set_send_tls13_tickets(builder, settings->resume ? 1 : 0),
	    "set_send_tls13_tickets");
	if (settings->mutual)
		demand_certificates(builder, provider);
	check(rustls_server_config_builder_build(builder, &config), "server_config_builder_build");
	rustls_certified_key_free(key);
	return config;
}

/* Of groups there is no choice: the first is X25519MLKEM768. */
struct peer_ends *peer_open(const struct peer_settings *settings)
{
	static struct peer_ends ends;
	const struct rustls_crypto_provider *provider;

	if (settings->group != NULL && strcmp(settings->group, "X25519MLKEM768") != 0)
		return NULL;
	if ((provider = with_cipher(settings->cipher)) == NULL)
		return NULL;
	ends.client = client(provider, settings);
	ends.server = server(provider, settings);
	rustls_crypto_provider_free(provider);
	return &ends;
}

void peer_close(struct peer_ends *ends)
{
	rustls_client_config_free(ends->client);
	rustls_server_config_free(ends->server);
}

void peer_roots(void)
{
	struct rustls_server_cert_verifier *verifier;
	struct rustls_client_config_builder *builder = rustls_client_config_builder_new();
	const struct rustls_client_config *config;

	check(rustls_platform_server_cert_verifier(&verifier), "platform_server_cert_verifier");
	rustls_client_config_builder_set_server_verifier(builder, verifier);
	check(rustls_client_config_builder_build(builder, &config), "client_config_builder_build");
	rustls_client_config_free(config);
	rustls_server_cert_verifier_free(verifier);
}

/* ---- Connections ---- */

static struct peer_conn *new_conn(struct peer_ends *ends, enum peer_side side, int fd)
{
	struct peer_conn *conn = calloc(1, sizeof *conn);

	NEED(conn != NULL);
	conn->fd = fd;
	if (side == PEER_CLIENT)
		check(rustls_client_connection_new(ends->client, "localhost", &conn->tls), "client_connection_new");
	else
		check(rustls_server_connection_new(ends->server, &conn->tls), "server_connection_new");
	return conn;
}

void peer_memory(struct peer_ends *ends, struct peer_conn *pair[2])
{
	pair[PEER_CLIENT] = new_conn(ends, PEER_CLIENT, -1);
	pair[PEER_SERVER] = new_conn(ends, PEER_SERVER, -1);
}

struct peer_conn *peer_socket(struct peer_ends *ends, enum peer_side side, int fd)
{
	return new_conn(ends, side, fd);
}

void peer_free(struct peer_conn *conn)
{
	rustls_connection_free(conn->tls);
	pipe_free(&conn->in);
	free(conn);
}

static rustls_io_result take(void *from, uint8_t *buf, size_t len, size_t *count)
{
	struct peer_conn *conn = from;
	ptrdiff_t n = conn->fd < 0 ? (ptrdiff_t)pipe_read(&conn->in, buf, len) : recv(conn->fd, buf, len, 0);

	*count = n > 0 ? (size_t)n : 0;
	return n >= 0 ? 0 : errno;
}

static rustls_io_result give(void *to, const struct rustls_iovec *slices, size_t count, size_t *sent)
{
	struct peer_conn *conn = to;
	const struct iovec *parts = (const struct iovec *)slices;
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = count };
	ptrdiff_t n = 0;

	if (conn->fd >= 0)
		n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
	for (size_t i = 0; conn->fd < 0 && i < count; i++) {
		pipe_write(&conn->in, parts[i].iov_base, parts[i].iov_len);
		n += (ptrdiff_t)parts[i].iov_len;
	}
	*sent = n > 0 ? (size_t)n : 0;
	return n >= 0 ? 0 : errno;
}

static void send_to(struct peer_conn *conn, struct peer_conn *to)
{
	size_t n;

	while (rustls_connection_wants_write(conn->tls))
		NEED(rustls_connection_write_tls_vectored(conn->tls, give, to, &n) == 0);
}

/* False where memory has nothing. */
static bool receive(struct peer_conn *conn)
{
	size_t n;

	/* To read nothing would be the end. */
	if (conn->fd < 0 && conn->in.start == conn->in.end)
		return false;
	NEED(rustls_connection_read_tls(conn->tls, take, conn, &n) == 0 && n > 0);
	check(rustls_connection_process_new_packets(conn->tls), "process_new_packets");
	return true;
}

static void send_now(struct peer_conn *conn)
{
	if (conn->fd >= 0)
		send_to(conn, conn);
}

bool peer_handshake(struct peer_conn *conn)
{
	send_now(conn);
	while (rustls_connection_is_handshaking(conn->tls) && receive(conn))
		send_now(conn);
	return !rustls_connection_is_handshaking(conn->tls);
}

bool peer_resumed(struct peer_conn *conn)
{
	return rustls_connection_handshake_kind(conn->tls) == RUSTLS_HANDSHAKE_KIND_RESUMED;
}

size_t peer_read(struct peer_conn *conn, void *buf, size_t len)
{
	rustls_result result;
	size_t n;

	while ((result = rustls_connection_read(conn->tls, buf, len, &n)) == RUSTLS_RESULT_PLAINTEXT_EMPTY)
		if (!receive(conn))
			return 0;
	check(result, "connection_read");
	return n;
}

size_t peer_write(struct peer_conn *conn, const void *data, size_t len)
{
	size_t n;

	check(rustls_connection_write(conn->tls, data, len, &n), "connection_write");
	send_now(conn);
	return n;
}

void peer_carry(struct peer_conn *from, struct peer_conn *to)
{
	send_to(from, to);
}

bool peer_certificates(const char *kind)
{
	(void)kind;
	return false;
}
