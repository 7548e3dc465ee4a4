/* echo_server PORT CERT.pem KEY.pem: send clients their data back. */
#include <stdio.h>
#include <tlsmith.h>

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	int lfd = tlsmith_listen("127.0.0.1", argc > 1 ? argv[1] : "4433");
	char buf[4096];
	ptrdiff_t n;

	if (argc < 4 || lfd < 0 || tlsmith_ctx_use_cert(ctx, argv[2], argv[3]) < 0) {
		fprintf(stderr, "echo_server PORT CERT KEY: %s\n", tlsmith_last_error());
		return 1;
	}
	for (;;) {
		tlsmith_conn *c = tlsmith_conn_new(ctx);
		if ((n = tlsmith_accept(c, lfd)) == 0 && tlsmith_conn_set_timeout(c, 30000) == 0)
			while ((n = tlsmith_read(c, buf, sizeof buf)) > 0)
				if ((n = tlsmith_write(c, buf, (size_t)n)) < 0)
					break;
		if (n < 0)
			fprintf(stderr, "%s\n", tlsmith_conn_error(c));
		tlsmith_shutdown(c);
		tlsmith_conn_free(c);
	}
}
