/* idle: how much memory connections take that are open and do nothing, beside
 * their sockets. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <tlsmith.h>
#include <unistd.h>

/* Two descriptors each, of the 20,000 that processes have here and there. */
#define COUNT 9900

static tlsmith_conn *clients[COUNT], *servers[COUNT];
static int sockets[COUNT][2];

static void need(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s failed: %s\n", what, tlsmith_last_error());
		exit(1);
	}
}

static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

/* Both sides of a handshake in one thread, and both waiting to read after it. */
static void open_pair(tlsmith_ctx *client_ctx, tlsmith_ctx *server_ctx, int i)
{
	char buf[1];
	int client = 1, server = 1;

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets[i]) == 0, "socketpair");
	clients[i] = tlsmith_conn_new(client_ctx);
	servers[i] = tlsmith_conn_new(server_ctx);
	tlsmith_set_timeout(clients[i], 0);
	tlsmith_set_timeout(servers[i], 0);
	need(tlsmith_connect_fd(clients[i], sockets[i][0], "localhost") == 0, "connect");
	need(tlsmith_accept_fd(servers[i], sockets[i][1]) == 0, "accept");
	while (client != 0 || server != 0) {
		client = tlsmith_handshake(clients[i]);
		server = tlsmith_handshake(servers[i]);
		need(client == 0 || client == TLSMITH_WANT_READ, "the client's handshake");
		need(server == 0 || server == TLSMITH_WANT_READ, "the server's handshake");
	}
	need(tlsmith_read(clients[i], buf, 1) == TLSMITH_WANT_READ, "reading the tickets");
	need(tlsmith_read(servers[i], buf, 1) == TLSMITH_WANT_READ, "reading nothing");
}

int main(void)
{
	struct rlimit files;
	tlsmith_identity *ca = tlsmith_gen_ca(NULL);
	tlsmith_identity *id = tlsmith_issue_cert(ca, "localhost", NULL);
	tlsmith_ctx *client_ctx = tlsmith_ctx_new(), *server_ctx = tlsmith_ctx_new();
	const char *pem = tlsmith_identity_cert_pem(ca);
	size_t before, both, servers_alone;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	tlsmith_ctx_add_roots_mem(client_ctx, pem, strlen(pem));
	need(tlsmith_ctx_use(server_ctx, id) == 0, "using the identity");
	/* What is made once does not count. */
	open_pair(client_ctx, server_ctx, 0);

	before = in_use();
	for (int i = 1; i < COUNT; i++)
		open_pair(client_ctx, server_ctx, i);
	both = in_use();
	for (int i = 1; i < COUNT; i++)
		tlsmith_conn_free(clients[i]);
	servers_alone = in_use();
	printf("memory of an idle connection, of %d: server %zu bytes, client %zu bytes\n", COUNT,
	    (servers_alone - before) / (COUNT - 1), (both - servers_alone) / (COUNT - 1));
	return 0;
}
