/* smtp_send HOST PORT FROM TO [ROOTS.pem] < MESSAGE: sends a message over SMTP with STARTTLS
 * (RFC 3207), or not at all. */
#define _DEFAULT_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <tlsmith.h>

enum { LIMIT_S = 30 };

/* The connection: plain while `tls` is NULL.  What came and was not read yet is from `start`
 * to `end` of `in`; what has to be sent waits in `out`. */
static struct {
	int fd;
	tlsmith_conn *tls;
	char in[4096], out[4096];
	size_t start, end, queued;
} smtp;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "smtp_send: %s: %s\n", what, why);
	exit(1);
}

static int next_byte(void)
{
	ptrdiff_t n;

	if (smtp.start == smtp.end) {
		n = smtp.tls != NULL ? tlsmith_read(smtp.tls, smtp.in, sizeof smtp.in) :
		    read(smtp.fd, smtp.in, sizeof smtp.in);
		if (n <= 0)
			die("cannot read a reply", n == 0 ? "the server closed the connection" :
			    smtp.tls != NULL ? tlsmith_conn_error(smtp.tls) : "no answer in time");
		smtp.start = 0;
		smtp.end = (size_t)n;
	}
	return (unsigned char)smtp.in[smtp.start++];
}

static void push(void)
{
	size_t sent = 0;
	ptrdiff_t n;

	while (sent < smtp.queued) {
		n = smtp.tls != NULL ? tlsmith_write(smtp.tls, smtp.out + sent, smtp.queued - sent) :
		    send(smtp.fd, smtp.out + sent, smtp.queued - sent, MSG_NOSIGNAL);
		if (n < 0)
			die("cannot send", smtp.tls != NULL ? tlsmith_conn_error(smtp.tls) : "connection lost");
		sent += (size_t)n;
	}
	smtp.queued = 0;
}

static void put(int byte)
{
	if (smtp.queued == sizeof smtp.out)
		push();
	smtp.out[smtp.queued++] = (char)byte;
}

/* Reads a reply (RFC 5321, section 4.2) and demands its code; returns whether one of its
 * lines is `keyword`. */
static bool expect(int code, const char *keyword)
{
	char line[1024];
	bool found = false;
	size_t len;
	int byte;

	do {
		for (len = 0; (byte = next_byte()) != '\n';)
			if (byte != '\r' && len < sizeof line - 1)
				line[len++] = (char)byte;
		line[len] = '\0';
		if (strtol(line, NULL, 10) != code)
			die("the server refused", line);
		found |= len > 4 && keyword != NULL && strcasecmp(line + 4, keyword) == 0;
	} while (len > 3 && line[3] == '-');
	return found;
}

static bool command(int code, const char *keyword, const char *format, const char *argument)
{
	char line[512];
	int n = snprintf(line, sizeof line, format, argument), i;

	if (n >= (int)sizeof line)
		die(argument, "too long for a line of SMTP");
	for (i = 0; i < n; i++)
		put(line[i]);
	put('\r');
	put('\n');
	push();
	return expect(code, keyword);
}

static void dial(const char *host, const char *port)
{
	struct addrinfo *found, *a, hints = { .ai_socktype = SOCK_STREAM };
	struct timeval limit = { .tv_sec = LIMIT_S };
	int error = getaddrinfo(host, port, &hints, &found);

	if (error != 0)
		die(host, gai_strerror(error));
	smtp.fd = -1;
	for (a = found; a != NULL && smtp.fd < 0; a = a->ai_next) {
		smtp.fd = socket(a->ai_family, SOCK_STREAM, 0);
		setsockopt(smtp.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(smtp.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		if (connect(smtp.fd, a->ai_addr, a->ai_addrlen) < 0) {
			close(smtp.fd);
			smtp.fd = -1;
		}
	}
	freeaddrinfo(found);
	if (smtp.fd < 0)
		die(host, "cannot connect");
}

static void start_tls(tlsmith_ctx *ctx, const char *host)
{
	tlsmith_conn *tls = tlsmith_conn_new(ctx);

	/* An attacker on the path could have appended it to a reply (CVE-2011-0411). */
	if (smtp.start != smtp.end)
		die(host, "data came before TLS began, which nobody has authenticated");
	tlsmith_conn_set_timeout(tls, LIMIT_S * 1000);
	if (tlsmith_connect_fd(tls, smtp.fd, host) < 0 || tlsmith_handshake(tls) < 0)
		die("no TLS", tlsmith_conn_error(tls));
	smtp.tls = tls;
}

/* Lines end in CR LF, and one that begins with a dot gets another (RFC 5321, section 4.5.2). */
static void send_message(FILE *message)
{
	int byte, last = '\n';

	for (; (byte = getc(message)) != EOF; last = byte) {
		if (byte == '\n' && last != '\r')
			put('\r');
		if (byte == '.' && last == '\n')
			put('.');
		put(byte);
	}
	if (ferror(message))
		die("standard input", "cannot be read");
	if (last != '\n') {
		put('\r');
		put('\n');
	}
}

int main(int argc, char **argv)
{
	char name[256] = "localhost";
	tlsmith_ctx *ctx;

	if (argc < 5 || strpbrk(argv[3], "<>\r\n") != NULL || strpbrk(argv[4], "<>\r\n") != NULL) {
		fprintf(stderr, "usage: smtp_send HOST PORT FROM TO [ROOTS.pem] < MESSAGE\n");
		return 2;
	}
	ctx = tlsmith_ctx_new();
	if (argc > 5)
		tlsmith_ctx_add_roots(ctx, argv[5]);
	gethostname(name, sizeof name - 1);
	dial(argv[1], argv[2]);
	expect(220, NULL);
	if (!command(250, "STARTTLS", "EHLO %s", name))
		die(argv[1], "the server offers no STARTTLS: nothing was sent");
	command(220, NULL, "STARTTLS%s", "");
	start_tls(ctx, argv[1]);
	command(250, NULL, "EHLO %s", name);
	command(250, NULL, "MAIL FROM:<%s>", argv[3]);
	command(250, NULL, "RCPT TO:<%s>", argv[4]);
	command(354, NULL, "DATA%s", "");
	send_message(stdin);
	command(250, NULL, ".%s", "");
	/* The server has the message now: whatever follows changes nothing. */
	command(221, NULL, "QUIT%s", "");
	tlsmith_shutdown(smtp.tls);
	tlsmith_conn_free(smtp.tls);
	tlsmith_ctx_free(ctx);
	close(smtp.fd);
	return 0;
}
