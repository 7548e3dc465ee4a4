/* https_get HOST PORT [ROOTS.pem]: print the response of an HTTPS server. */
#include <stdio.h>
#include <tlsmith.h>

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	char buf[4096];
	ptrdiff_t n = argc < 3 ? TLSMITH_ERR_ARG : 0;

	if (argc > 3)
		tlsmith_ctx_add_roots(ctx, argv[3]);
	if (n < 0 || (n = tlsmith_connect(c, argv[1], argv[2])) < 0)
		goto done;
	n = snprintf(buf, sizeof buf,
	    "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[1]);
	if ((n = tlsmith_write(c, buf, (size_t)n)) < 0)
		goto done;
	while ((n = tlsmith_read(c, buf, sizeof buf)) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	tlsmith_shutdown(c);
done:	if (n < 0)
		fprintf(stderr, "%s\n", argc < 3 ? "usage: https_get HOST PORT" : tlsmith_conn_error(c));
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
	return n < 0;
}
