/* What the tests have system calls fail in: `subject WHAT ARGUMENT...` does one thing and
 * prints one line: its status, how many descriptors it left open, and the reason.
 *
 * getppid() says where that begins and where it ends. */

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlsmith.h>
#include <unistd.h>

enum { LENGTH = 100000 };

static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

static const char *reason = "";

static int keep(int status, const char *why)
{
	if (status < 0)
		reason = strdup(why);
	return status;
}

/* PORT CA [KEYLOG]: sends LENGTH bytes and gets them back. */
static int client(char **arg)
{
	static unsigned char sent[LENGTH], got[LENGTH];
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *conn;
	ptrdiff_t count = 0, all = 0;
	int status = tlsmith_ctx_add_roots(ctx, arg[1]);

	for (int i = 0; i < LENGTH; i++)
		sent[i] = (unsigned char)(i * 7);
	if (status == 0 && arg[2] != NULL)
		status = tlsmith_ctx_set_keylog(ctx, arg[2]);
	keep(status, tlsmith_ctx_error(ctx));
	conn = tlsmith_conn_new(ctx);
	if (status == 0) {
		tlsmith_conn_set_timeout(conn, 10000);
		status = tlsmith_connect(conn, "127.0.0.1", arg[0]);
		if (status == 0 && (count = tlsmith_write(conn, sent, LENGTH)) < 0)
			status = (int)count;
		while (status == 0 && all < LENGTH) {
			count = tlsmith_read(conn, got + all, LENGTH - (size_t)all);
			if (count > 0)
				all += count;
			else
				status = count == 0 ? -99 : (int)count;
		}
		if (status == 0)
			status = tlsmith_shutdown(conn);
		keep(status, tlsmith_conn_error(conn));
	}
	if (status == 0 && memcmp(sent, got, LENGTH) != 0)
		status = -98;
	tlsmith_conn_free(conn);
	tlsmith_ctx_free(ctx);
	return status;
}

/* CERT KEY: prints its port, and sends one client back what it sends. */
static int server(char **arg)
{
	static char buffer[16384];
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	ptrdiff_t count = 0;
	tlsmith_conn *conn;
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	int status = tlsmith_ctx_use_cert(ctx, arg[0], arg[1]);
	int listener = -1;

	keep(status, tlsmith_ctx_error(ctx));
	if (status == 0) {
		listener = tlsmith_listen("127.0.0.1", "0");
		status = keep(listener < 0 ? listener : 0, tlsmith_last_error());
	}
	conn = tlsmith_conn_new(ctx);
	if (status == 0) {
		getsockname(listener, (struct sockaddr *)&address, &length);
		printf("%d\n", ntohs(address.sin_port));
		fflush(stdout);
		tlsmith_conn_set_timeout(conn, 10000);
		status = tlsmith_accept(conn, listener);
		while (status == 0 && (count = tlsmith_read(conn, buffer, sizeof buffer)) > 0) {
			ptrdiff_t written = tlsmith_write(conn, buffer, (size_t)count);
			status = written < 0 ? (int)written : 0;
		}
		if (status == 0)
			status = count < 0 ? (int)count : tlsmith_shutdown(conn);
		keep(status, tlsmith_conn_error(conn));
	}
	tlsmith_conn_free(conn);
	tlsmith_ctx_free(ctx);
	if (listener >= 0)
		close(listener);
	return status;
}

/* FOLDER: a certificate and its key, in the way of `what`. */
static int save(const char *what, char **arg)
{
	char first[4096], second[4096];
	tlsmith_cert_options options = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *id = tlsmith_self_signed("a.example", &options);
	tlsmith_csr *csr = tlsmith_gen_csr("a.example", &options);
	int status = -97;

	snprintf(first, sizeof first, "%s/cert.pem", arg[0]);
	snprintf(second, sizeof second, "%s/key.pem", arg[0]);
	if (strcmp(what, "save") == 0)
		status = tlsmith_identity_save(id, first, second, NULL);
	else if (strcmp(what, "encrypted") == 0)
		status = tlsmith_identity_save(id, first, second, "password");
	else if (strcmp(what, "together") == 0)
		status = tlsmith_identity_save(id, first, first, NULL);
	else if (strcmp(what, "csr") == 0)
		status = tlsmith_csr_save(csr, first, second, NULL);
	else if (strcmp(what, "p12") == 0)
		status = tlsmith_identity_save_p12(id, first, "name", "password", 0);
	keep(status, tlsmith_last_error());
	tlsmith_identity_free(id);
	tlsmith_csr_free(csr);
	return status;
}

int main(int count, char **arg)
{
	int status, before = descriptors();

	if (count < 3)
		return 2;
	getppid();
	if (strcmp(arg[1], "client") == 0)
		status = client(arg + 2);
	else if (strcmp(arg[1], "server") == 0)
		status = server(arg + 2);
	else
		status = save(arg[1], arg + 2);
	getppid();
	printf("%d %d %s\n", status, descriptors() - before, reason);
	return status == 0 ? 0 : 1;
}
