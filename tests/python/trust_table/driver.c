/* Verifies a chain with the C library: `driver verify|connect|accept NAME=VALUE...`.
 *
 * verify reads the chain from a file; connect and accept complete a handshake over an
 * inherited descriptor.  Prints the status, and its message or, after a handshake, the
 * SHA-256 of the peer's certificate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlsmith.h>

static int argument_count;
static char **arguments;

/* Returns the value of an argument, or NULL. */
static const char *value_of(const char *name)
{
	size_t length = strlen(name);

	for (int i = 2; i < argument_count; i++)
		if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=')
			return arguments[i] + length + 1;
	return NULL;
}

static int end(int status, const char *sentence)
{
	printf("%d\n%s\n", status, sentence);
	return 0;
}

static int verify_chain(tlsmith_ctx *ctx, const tlsmith_identity *chain)
{
	const char *purpose = value_of("purpose");

	return tlsmith_ctx_verify(ctx, chain, value_of("name"), purpose != NULL ? purpose : "any",
	    0);
}

static int verify(tlsmith_ctx *ctx)
{
	tlsmith_identity *chain = tlsmith_identity_load_chain(value_of("chain"));
	int status = tlsmith_last_status();

	if (chain != NULL)
		status = verify_chain(ctx, chain);
	end(status, status == 0 ? "" : tlsmith_last_error());
	tlsmith_identity_free(chain);
	return 0;
}

static int shake_hands(tlsmith_ctx *ctx, int is_server)
{
	tlsmith_conn *conn = tlsmith_conn_new(ctx);
	int fd = atoi(value_of("fd")), status;

	if (is_server)
		status = tlsmith_accept_fd(conn, fd);
	else
		status = tlsmith_connect_fd(conn, fd, value_of("name"));
	if (status == 0)
		status = tlsmith_handshake(conn);
	if (status == 0) {
		const tlsmith_cert *peer = tlsmith_conn_peer_cert(conn, 0);

		end(status, peer == NULL ? "no peer" : tlsmith_cert_sha256(peer));
	} else {
		end(status, tlsmith_conn_error(conn));
	}
	tlsmith_conn_free(conn);
	return 0;
}

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	int is_server;

	argument_count = argc;
	arguments = argv;
	if (argc < 2)
		return 2;
	is_server = strcmp(argv[1], "accept") == 0;
	if (value_of("roots"))
		tlsmith_ctx_add_roots(ctx, value_of("roots"));
	if (value_of("crls"))
		tlsmith_ctx_add_crl(ctx, value_of("crls"));
	if (value_of("pinned"))
		tlsmith_ctx_trust_certificate(ctx, value_of("pinned"));
	if (value_of("insecure"))
		tlsmith_ctx_insecure_no_verify(ctx);
	if (value_of("strict"))
		tlsmith_ctx_set_strict(ctx);
	if (value_of("max_depth"))
		tlsmith_ctx_set_max_depth(ctx, atoi(value_of("max_depth")));
	if (value_of("common_name"))
		tlsmith_ctx_allow_common_name(ctx);
	if (is_server) {
		tlsmith_ctx_use_cert(ctx, value_of("identity"), value_of("identity"));
		tlsmith_ctx_set_client_auth(ctx, TLSMITH_CLIENT_AUTH_REQUIRED);
	} else if (value_of("name") == NULL) {
		tlsmith_ctx_insecure_no_name(ctx);
	}
	if (strcmp(argv[1], "verify") == 0)
		verify(ctx);
	else
		shake_hands(ctx, is_server);
	tlsmith_ctx_free(ctx);
	return 0;
}
