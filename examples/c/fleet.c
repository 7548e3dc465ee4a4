/* fleet PORT CERT.pem KEY.pem TICKET_KEY REDIS_PORT: one of several servers that share their
 * sessions in Redis.  Each resumes the sessions of the others, and one of them accepts the
 * early data (0-RTT) of a session, once.  TICKET_KEY is a file of 32 random bytes.  The
 * server returns each client's early data, and whether its session was resumed. */
#define _POSIX_C_SOURCE 200809L
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <tlsmith.h>

/* A connection to Redis, and its protocol: https://redis.io/docs/reference/protocol-spec. */
static FILE *dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval limit = { .tv_sec = 1 };

	/* If the store does not answer, the client makes a full handshake. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return NULL;
	return fdopen(fd, "r+");
}

static void send_part(FILE *redis, const void *data, size_t len)
{
	fprintf(redis, "$%zu\r\n", len);
	fwrite(data, 1, len, redis);
	fputs("\r\n", redis);
}

static int put(void *userdata, const void *key, size_t key_len, const void *value,
    size_t value_len, uint32_t lifetime)
{
	char answer[64] = "", seconds[16];
	FILE *redis = userdata;

	snprintf(seconds, sizeof seconds, "%u", (unsigned)lifetime);
	fputs("*5\r\n", redis);
	send_part(redis, "SET", 3);
	send_part(redis, key, key_len);
	send_part(redis, value, value_len);
	send_part(redis, "EX", 2);
	send_part(redis, seconds, strlen(seconds));
	fflush(redis);
	return fgets(answer, sizeof answer, redis) != NULL && strcmp(answer, "+OK\r\n") == 0 ? 0 : -1;
}

/* GETDEL returns a value once, to one of all callers. */
static ptrdiff_t take(void *userdata, const void *key, size_t key_len, void *value, size_t size)
{
	char answer[64];
	FILE *redis = userdata;
	long len;

	fputs("*2\r\n", redis);
	send_part(redis, "GETDEL", 6);
	send_part(redis, key, key_len);
	fflush(redis);
	if (fgets(answer, sizeof answer, redis) == NULL || answer[0] != '$')
		return -1;
	len = strtol(answer + 1, NULL, 10);
	if (len <= 0 || (size_t)len > size || fread(value, 1, (size_t)len, redis) != (size_t)len)
		return 0;
	return fgets(answer, sizeof answer, redis) != NULL ? len : -1;
}

static void serve(tlsmith_conn *c, int lfd)
{
	char early[1024], answer[1200];
	ptrdiff_t n, len = 0;

	if (tlsmith_accept(c, lfd) < 0)
		return;
	while ((n = tlsmith_read_early(c, early + len, sizeof early - 1 - (size_t)len)) > 0)
		len += n;
	early[len] = '\0';
	if (n == 0 && tlsmith_handshake(c) == 0) {
		n = snprintf(answer, sizeof answer, "server %d, %s, early data '%s'\n", (int)getpid(),
		    tlsmith_conn_resumed(c) ? "resumed" : "new", early);
		n = tlsmith_write(c, answer, (size_t)n);
	}
	if (n < 0)
		fprintf(stderr, "%s\n", tlsmith_conn_error(c));
	tlsmith_shutdown(c);
}

int main(int argc, char **argv)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	FILE *file = argc > 5 ? fopen(argv[4], "rb") : NULL, *redis = argc > 5 ? dial(atoi(argv[5])) : NULL;
	unsigned char key[32];
	int lfd = tlsmith_listen("127.0.0.1", argc > 1 ? argv[1] : "0");

	if (file == NULL || redis == NULL || lfd < 0 || fread(key, 1, sizeof key, file) != sizeof key) {
		fprintf(stderr, "fleet PORT CERT KEY TICKET_KEY REDIS_PORT: %s\n", tlsmith_last_error());
		return 1;
	}
	fclose(file);
	tlsmith_ctx_use_cert(ctx, argv[2], argv[3]);
	tlsmith_ctx_add_ticket_key(ctx, key, sizeof key);
	tlsmith_ctx_set_session_store(ctx, put, take, redis);
	tlsmith_ctx_set_early_data(ctx, 1000);
	for (;;) {
		tlsmith_conn *c = tlsmith_conn_new(ctx);
		serve(c, lfd);
		tlsmith_conn_free(c);
	}
}
