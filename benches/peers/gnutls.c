/* GnuTLS. */
#include "harness.h"
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer_ends {
	gnutls_certificate_credentials_t credentials[2];
	gnutls_priority_t priority;
	gnutls_datum_t ticket_key;
	struct peer_settings settings;
};

struct peer_conn {
	gnutls_session_t session;
	/* In memory, what the other side wrote, and who that is: over a socket, nobody. */
	struct pipe in;
	struct peer_conn *other;
};

/* The newest ticket of the client. */
static gnutls_datum_t ticket;

const char *peer_version(void)
{
	static char version[64];

	snprintf(version, sizeof version, "GnuTLS %s", gnutls_check_version(NULL));
	return version;
}

/* What it did, or 0 where it has to wait. */
static size_t check(ssize_t status, const char *what)
{
	if (status == GNUTLS_E_AGAIN || status == GNUTLS_E_INTERRUPTED)
		return 0;
	if (status < 0)
		die("%s: %s", what, gnutls_strerror((int)status));
	return (size_t)status;
}

/* ---- Contexts ---- */

static gnutls_datum_t datum(const struct text *text)
{
	return (gnutls_datum_t){ (unsigned char *)text->data, (unsigned)text->len };
}

static gnutls_certificate_credentials_t new_credentials(void)
{
	gnutls_certificate_credentials_t credentials;

	check(gnutls_certificate_allocate_credentials(&credentials), "allocate_credentials");
	return credentials;
}

static void trust(gnutls_certificate_credentials_t credentials)
{
	gnutls_datum_t root = datum(&ca);

	check(gnutls_certificate_set_x509_trust_mem(credentials, &root, GNUTLS_X509_FMT_PEM),
	    "set_x509_trust_mem");
}

static void use(gnutls_certificate_credentials_t credentials, const struct text *cert,
    const struct text *key)
{
	gnutls_datum_t leaf = datum(cert), secret = datum(key);

	check(gnutls_certificate_set_x509_key_mem(credentials, &leaf, &secret, GNUTLS_X509_FMT_PEM),
	    "set_x509_key_mem");
}

/* "TLS_AES_128_GCM_SHA256" is AES-128-GCM: the hash goes with it. */
static bool set_priority(struct peer_ends *ends)
{
	static const char *const names[][2] = {
		{ "TLS_AES_128_GCM_SHA256", "AES-128-GCM" },
		{ "TLS_AES_256_GCM_SHA384", "AES-256-GCM" },
		{ "TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305" },
	};
	const char *cipher = ends->settings.cipher, *group = ends->settings.group;
	char priority[256] = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
	size_t len = strlen(priority);

	for (size_t i = 0; cipher != NULL && i < sizeof names / sizeof *names; i++)
		if (strcmp(cipher, names[i][0]) == 0)
			len += (size_t)snprintf(priority + len, sizeof priority - len,
			    ":-CIPHER-ALL:+%s", names[i][1]);
	if (group != NULL)
		snprintf(priority + len, sizeof priority - len, ":-GROUP-ALL:+GROUP-%s", group);
	return gnutls_priority_init(&ends->priority, priority, NULL) == 0;
}

struct peer_ends *peer_open(const struct peer_settings *settings)
{
	static struct peer_ends ends;

	ends.settings = *settings;
	if (!set_priority(&ends))
		return NULL;
	ends.credentials[PEER_CLIENT] = new_credentials();
	ends.credentials[PEER_SERVER] = new_credentials();
	trust(ends.credentials[PEER_CLIENT]);
	use(ends.credentials[PEER_SERVER], &server_cert, &server_key);
	if (settings->mutual) {
		use(ends.credentials[PEER_CLIENT], &client_cert, &client_key);
		trust(ends.credentials[PEER_SERVER]);
	}
	check(gnutls_session_ticket_key_generate(&ends.ticket_key), "session_ticket_key_generate");
	return &ends;
}

void peer_close(struct peer_ends *ends)
{
	gnutls_free(ticket.data);
	ticket.data = NULL;
	gnutls_free(ends->ticket_key.data);
	gnutls_priority_deinit(ends->priority);
	gnutls_certificate_free_credentials(ends->credentials[PEER_CLIENT]);
	gnutls_certificate_free_credentials(ends->credentials[PEER_SERVER]);
}

void peer_roots(void)
{
	gnutls_certificate_credentials_t credentials = new_credentials();

	check(gnutls_certificate_set_x509_trust_file(credentials, SYSTEM_ROOTS, GNUTLS_X509_FMT_PEM),
	    SYSTEM_ROOTS);
	gnutls_certificate_free_credentials(credentials);
}

/* ---- Connections ---- */

static int keep(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
    const gnutls_datum_t *message)
{
	(void)type, (void)when, (void)incoming, (void)message;
	gnutls_free(ticket.data);
	ticket.data = NULL;
	return gnutls_session_get_data2(session, &ticket);
}

static void be_client(gnutls_session_t session, const struct peer_settings *settings)
{
	check(gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9), "server_name_set");
	gnutls_session_set_verify_cert(session, "localhost", 0);
	if (!settings->resume)
		return;
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET,
	    GNUTLS_HOOK_POST, keep);
	if (ticket.data != NULL)
		check(gnutls_session_set_data(session, ticket.data, ticket.size), "session_set_data");
}

static void be_server(gnutls_session_t session, const struct peer_ends *ends)
{
	if (ends->settings.resume)
		check(gnutls_session_ticket_enable_server(session, &ends->ticket_key),
		    "session_ticket_enable_server");
	if (ends->settings.mutual) {
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(session, NULL, 0);
	}
}

static struct peer_conn *new_conn(struct peer_ends *ends, enum peer_side side)
{
	struct peer_conn *conn = calloc(1, sizeof *conn);
	unsigned flags = side == PEER_CLIENT ? GNUTLS_CLIENT : GNUTLS_SERVER;

	NEED(conn != NULL);
	if (!ends->settings.resume)
		flags |= GNUTLS_NO_TICKETS;
	check(gnutls_init(&conn->session, flags), "init");
	check(gnutls_priority_set(conn->session, ends->priority), "priority_set");
	check(gnutls_credentials_set(conn->session, GNUTLS_CRD_CERTIFICATE, ends->credentials[side]),
	    "credentials_set");
	if (side == PEER_CLIENT)
		be_client(conn->session, &ends->settings);
	else
		be_server(conn->session, ends);
	return conn;
}

static ssize_t push(gnutls_transport_ptr_t to, const void *data, size_t len)
{
	struct peer_conn *conn = to;

	pipe_write(&conn->other->in, data, len);
	return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t from, void *buf, size_t len)
{
	struct peer_conn *conn = from;
	size_t n = pipe_read(&conn->in, buf, len);

	if (n > 0)
		return (ssize_t)n;
	gnutls_transport_set_errno(conn->session, EAGAIN);
	return -1;
}

void peer_memory(struct peer_ends *ends, struct peer_conn *pair[2])
{
	for (int side = 0; side < 2; side++) {
		pair[side] = new_conn(ends, side);
		gnutls_transport_set_ptr(pair[side]->session, pair[side]);
		gnutls_transport_set_push_function(pair[side]->session, push);
		gnutls_transport_set_pull_function(pair[side]->session, pull);
	}
	pair[PEER_CLIENT]->other = pair[PEER_SERVER];
	pair[PEER_SERVER]->other = pair[PEER_CLIENT];
}

struct peer_conn *peer_socket(struct peer_ends *ends, enum peer_side side, int fd)
{
	struct peer_conn *conn = new_conn(ends, side);

	gnutls_transport_set_int(conn->session, fd);
	return conn;
}

void peer_free(struct peer_conn *conn)
{
	gnutls_deinit(conn->session);
	pipe_free(&conn->in);
	free(conn);
}

bool peer_handshake(struct peer_conn *conn)
{
	int status = gnutls_handshake(conn->session);

	check(status, "handshake");
	return status == 0;
}

bool peer_resumed(struct peer_conn *conn)
{
	return gnutls_session_is_resumed(conn->session) != 0;
}

/* It gives nothing also where it received a ticket. */
size_t peer_read(struct peer_conn *conn, void *buf, size_t len)
{
	size_t n;

	do
		n = check(gnutls_record_recv(conn->session, buf, len), "record_recv");
	while (n == 0 && conn->other == NULL);
	return n;
}

size_t peer_write(struct peer_conn *conn, const void *data, size_t len)
{
	return check(gnutls_record_send(conn->session, data, len), "record_send");
}

/* It is there already: a side writes to the other's pipe. */
void peer_carry(struct peer_conn *from, struct peer_conn *to)
{
	(void)from;
	(void)to;
}

bool peer_certificates(const char *kind)
{
	(void)kind;
	return false;
}
