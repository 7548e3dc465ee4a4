/* talk HOST PORT ROOTS.pem: connect, print the negotiated parameters, send the
 * lines of standard input one by one, print the replies, and close properly. */
#include <stdio.h>
#include <string.h>
#include <tlsmith.h>

static void report(tlsmith_conn *c)
{
	const tlsmith_cert *cert = tlsmith_conn_peer_cert(c, 0);

	printf("  agreed       %s, %s, %s\n",
	    tlsmith_conn_version(c) == TLSMITH_TLS1_3 ? "TLS 1.3" : "TLS 1.2",
	    tlsmith_conn_cipher(c), tlsmith_conn_group(c));
	printf("  certificate  %s, for %s, issued by %s\n", tlsmith_cert_key_type(cert),
	    tlsmith_cert_name(cert, 0, NULL), tlsmith_cert_issuer(cert));
	printf("  verified     up to %s; the server signed with %s\n",
	    tlsmith_cert_subject(tlsmith_conn_verified_cert(c, 1)), tlsmith_conn_signature(c));
}

static ptrdiff_t talk(tlsmith_conn *c)
{
	char line[1024];
	ptrdiff_t n;

	while (fgets(line, sizeof line, stdin) != NULL) {
		printf("  sent         %s", line);
		if ((n = tlsmith_write(c, line, strlen(line))) < 0 ||
		    (n = tlsmith_read(c, line, sizeof line)) <= 0)
			return n;
		printf("  received     %.*s", (int)n, line);
	}
	if ((n = tlsmith_shutdown(c)) < 0)
		return n;
	puts("  sent         close_notify");
	while ((n = tlsmith_read(c, line, sizeof line)) > 0)
		continue;
	if (n == 0)
		puts("  received     close_notify");
	return n;
}

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	ptrdiff_t n;

	if (argc < 4) {
		fprintf(stderr, "usage: talk HOST PORT ROOTS.pem\n");
		return 2;
	}
	tlsmith_ctx_add_roots(ctx, argv[3]);
	tlsmith_conn_set_timeout(c, 10000);
	if ((n = tlsmith_connect(c, argv[1], argv[2])) == 0) {
		report(c);
		n = talk(c);
	}
	if (n < 0)
		printf("  refused      %s\n  code         %td (%s)\n", tlsmith_conn_error(c), n,
		    tlsmith_strerror((int)n));
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
	return n < 0;
}
