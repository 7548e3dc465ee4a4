/* OpenSSL, and the libraries that have its API: BoringSSL and AWS-LC.
 *
 * In memory the sides are joined by a BIO pair with room for four records.  It is the
 * fastest way there is: memory BIOs are slower with all three, and five times with
 * BoringSSL at 1 MiB; a BIO of our own is as fast, and so are pairs with more room.
 * Over TCP they do not read ahead: SSL_CTX_set_read_ahead() makes none faster. */
#include "harness.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

#define ROOM (4 * 17 * 1024)

struct peer_ends {
	SSL_CTX *ctx[2];
};

#define HANDLE(conn) ((SSL *)(conn))
#define CONN(handle) ((struct peer_conn *)(handle))

/* The newest ticket of the client. */
static SSL_SESSION *session;

const char *peer_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

static void check(bool good, const char *what)
{
	char reason[256];

	if (!good) {
		ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
		die("%s: %s", what, reason);
	}
}

/* ---- Contexts ---- */

static BIO *reader(const struct text *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);

	check(bio != NULL, "BIO_new_mem_buf");
	return bio;
}

static X509 *certificate(const struct text *pem)
{
	BIO *bio = reader(pem);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	check(cert != NULL, "PEM_read_bio_X509");
	BIO_free(bio);
	return cert;
}

static void trust(SSL_CTX *ctx)
{
	X509 *root = certificate(&ca);

	check(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root) == 1, "X509_STORE_add_cert");
	X509_free(root);
}

static void use(SSL_CTX *ctx, const struct text *cert, const struct text *key)
{
	X509 *leaf = certificate(cert);
	BIO *bio = reader(key);
	EVP_PKEY *secret = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	check(SSL_CTX_use_certificate(ctx, leaf) == 1, "SSL_CTX_use_certificate");
	check(secret != NULL && SSL_CTX_use_PrivateKey(ctx, secret) == 1, "SSL_CTX_use_PrivateKey");
	BIO_free(bio);
	X509_free(leaf);
	EVP_PKEY_free(secret);
}

static bool set_cipher(SSL_CTX *ctx, const char *name)
{
#ifdef OPENSSL_IS_BORINGSSL
	uint16_t number = cipher_number(name);

	return SSL_CTX_set1_tls13_ciphers(ctx, &number, NULL, 1) == 1;
#else
	return SSL_CTX_set_ciphersuites(ctx, name) == 1;
#endif
}

static SSL_CTX *common(const struct peer_settings *settings)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	check(ctx != NULL, "SSL_CTX_new");
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_num_tickets(ctx, settings->resume ? 1 : 0);
	if (settings->frugal)
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if ((settings->cipher == NULL || set_cipher(ctx, settings->cipher)) &&
	    (settings->group == NULL || SSL_CTX_set1_groups_list(ctx, settings->group) == 1))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int keep(SSL *conn, SSL_SESSION *fresh)
{
	(void)conn;
	SSL_SESSION_free(session);
	session = fresh;
	return 1;
}

struct peer_ends *peer_open(const struct peer_settings *settings)
{
	static struct peer_ends ends;
	SSL_CTX *client = common(settings), *server = common(settings);

	if (client == NULL || server == NULL)
		return NULL;
	trust(client);
	SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
	use(server, &server_cert, &server_key);
	if (settings->mutual) {
		use(client, &client_cert, &client_key);
		trust(server);
		SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	if (settings->resume) {
		SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(client, keep);
	}
	ends.ctx[PEER_CLIENT] = client;
	ends.ctx[PEER_SERVER] = server;
	return &ends;
}

void peer_close(struct peer_ends *ends)
{
	SSL_SESSION_free(session);
	session = NULL;
	SSL_CTX_free(ends->ctx[PEER_CLIENT]);
	SSL_CTX_free(ends->ctx[PEER_SERVER]);
}

void peer_roots(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	check(SSL_CTX_load_verify_locations(ctx, SYSTEM_ROOTS, NULL) == 1, SYSTEM_ROOTS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_free(ctx);
}

/* ---- Connections ---- */

static SSL *new_conn(struct peer_ends *ends, enum peer_side side)
{
	SSL *conn = SSL_new(ends->ctx[side]);

	check(conn != NULL, "SSL_new");
	if (side == PEER_SERVER) {
		SSL_set_accept_state(conn);
		return conn;
	}
	SSL_set_connect_state(conn);
	check(SSL_set_tlsext_host_name(conn, "localhost") == 1, "SSL_set_tlsext_host_name");
	check(X509_VERIFY_PARAM_set1_host(SSL_get0_param(conn), "localhost", 9) == 1,
	    "X509_VERIFY_PARAM_set1_host");
	if (session != NULL)
		SSL_set_session(conn, session);
	return conn;
}

void peer_memory(struct peer_ends *ends, struct peer_conn *pair[2])
{
	BIO *bios[2];

	check(BIO_new_bio_pair(&bios[0], ROOM, &bios[1], ROOM) == 1, "BIO_new_bio_pair");
	for (int side = 0; side < 2; side++) {
		SSL *conn = new_conn(ends, side);

		SSL_set_bio(conn, bios[side], bios[side]);
		SSL_set_mode(conn, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		pair[side] = CONN(conn);
	}
}

struct peer_conn *peer_socket(struct peer_ends *ends, enum peer_side side, int fd)
{
	SSL *conn = new_conn(ends, side);

	check(SSL_set_fd(conn, fd) == 1, "SSL_set_fd");
	return CONN(conn);
}

/* A session whose connection was not shut down is not resumed. */
void peer_free(struct peer_conn *conn)
{
	SSL_set_shutdown(HANDLE(conn), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(HANDLE(conn));
}

/* Whether a call that gave `n` has done something; if not, it has to wait. */
static bool done(struct peer_conn *conn, int n, const char *what)
{
	int error;

	if (n > 0)
		return true;
	error = SSL_get_error(HANDLE(conn), n);
	check(error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE, what);
	return false;
}

bool peer_handshake(struct peer_conn *conn)
{
	return done(conn, SSL_do_handshake(HANDLE(conn)), "SSL_do_handshake");
}

bool peer_resumed(struct peer_conn *conn)
{
	return SSL_session_reused(HANDLE(conn));
}

size_t peer_read(struct peer_conn *conn, void *buf, size_t len)
{
	int n = SSL_read(HANDLE(conn), buf, (int)len);

	return done(conn, n, "SSL_read") ? (size_t)n : 0;
}

size_t peer_write(struct peer_conn *conn, const void *data, size_t len)
{
	int n = SSL_write(HANDLE(conn), data, (int)len);

	return done(conn, n, "SSL_write") ? (size_t)n : 0;
}

/* It is there already. */
void peer_carry(struct peer_conn *from, struct peer_conn *to)
{
	(void)from;
	(void)to;
}
