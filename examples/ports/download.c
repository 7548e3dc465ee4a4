/* download [-r ROOTS.pem] https://HOST[:PORT]/PATH FILE: downloads to FILE.part, resumes where
 * an earlier run was cut off, and renames it when it is complete.  Progress is on stderr. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <tlsmith.h>

enum { LIMIT_MS = 30000, MAX_PATH = 3000 };

struct url {
	char host[256], port[6];
	const char *path;
};

/* What a response says: -1 where it does not. */
struct response {
	int status;
	long long length, first, total;
};

static bool parse_url(const char *text, struct url *url)
{
	int n = 0;

	strcpy(url->port, "443");
	if (sscanf(text, "https://%255[A-Za-z0-9._-]%n", url->host, &n) != 1 &&
	    sscanf(text, "https://[%255[0-9A-Fa-f:.]]%n", url->host, &n) != 1)
		return false;
	text += n;
	if (*text == ':' && sscanf(text, ":%5[0-9]%n", url->port, &n) == 1)
		text += n;
	url->path = *text == '\0' ? "/" : text;
	return n > 0 && *url->path == '/' && strlen(url->path) < MAX_PATH &&
	    strpbrk(url->path, " \r\n") == NULL;
}

/* Asks for the rest of a file that did not change after the part of it was written. */
static ptrdiff_t ask(tlsmith_conn *c, const struct url *url, long long offset, time_t written)
{
	char request[4096], range[128] = "", date[64];
	int n;

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&written));
	if (offset > 0)
		snprintf(range, sizeof range, "Range: bytes=%lld-\r\nIf-Unmodified-Since: %s\r\n",
		    offset, date);
	/* HTTP/1.0, which has no chunks. */
	n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s:%s\r\n%s"
	    "Accept-Encoding: identity\r\nConnection: close\r\n\r\n", url->path, url->host,
	    url->port, range);
	return tlsmith_write(c, request, (size_t)n);
}

static void read_field(const char *line, struct response *r)
{
	if (strncasecmp(line, "Content-Length:", 15) == 0)
		r->length = strtoll(line + 15, NULL, 10);
	else if (strncasecmp(line, "Content-Range:", 14) == 0 &&
	    sscanf(line + 14, " bytes %lld-%*d/%lld", &r->first, &r->total) < 1)
		sscanf(line + 14, " bytes */%lld", &r->total);
}

/* Reads the header, byte by byte: the records are decrypted once all the same.  Returns 0,
 * or how the connection ended before. */
static ptrdiff_t read_header(tlsmith_conn *c, struct response *r)
{
	char line[8192];
	size_t len = 0;
	ptrdiff_t n;

	*r = (struct response){ 0, -1, -1, -1 };
	while ((n = tlsmith_read(c, line + len, 1)) > 0) {
		if (line[len] != '\n') {
			if (line[len] != '\r' && len < sizeof line - 2)
				len++;
			continue;
		}
		line[len] = '\0';
		if (len == 0 && r->status != 0)
			return 0;
		if (r->status == 0 && sscanf(line, "HTTP/1.%*d %d", &r->status) != 1)
			return TLSMITH_ERR_PROTOCOL;
		read_field(line, r);
		len = 0;
	}
	return n == 0 ? TLSMITH_ERR_TRUNCATED : n;
}

static void show(long long have, long long total, bool end)
{
	static time_t shown;

	if (!end && time(NULL) == shown)
		return;
	shown = time(NULL);
	if (total > 0)
		fprintf(stderr, "\r%lld of %lld bytes, %lld%%", have, total, have * 100 / total);
	else
		fprintf(stderr, "\r%lld bytes", have);
	if (end)
		fputc('\n', stderr);
}

/* Writes the body to `out`.  Returns NULL, or why it is not complete. */
static const char *save(tlsmith_conn *c, FILE *out, long long have, long long total)
{
	char buf[65536];
	ptrdiff_t n = 1;

	while ((total < 0 || have < total) && (n = tlsmith_read(c, buf, sizeof buf)) > 0) {
		if (fwrite(buf, 1, (size_t)n, out) != (size_t)n)
			return strerror(errno);
		have += n;
		show(have, total, false);
	}
	show(have, total, true);
	if (n < 0)
		return tlsmith_conn_error(c);
	if (total >= 0 && have != total)
		return have < total ? "the server ended the body early" : "the body is too long";
	return fflush(out) == 0 && fsync(fileno(out)) == 0 ? NULL : strerror(errno);
}

/* Returns NULL, or why there is no complete file. */
static const char *download(tlsmith_conn *c, const struct url *url, FILE *part)
{
	static char reason[64];
	struct response r;
	struct stat file;
	long long have;

	if (fstat(fileno(part), &file) < 0)
		return strerror(errno);
	have = file.st_size;
	if (tlsmith_connect(c, url->host, url->port) < 0 || ask(c, url, have, file.st_mtime) < 0 ||
	    read_header(c, &r) < 0)
		return tlsmith_conn_error(c)[0] != '\0' ? tlsmith_conn_error(c) : "no HTTP response";
	if (r.status == 416 && r.total == have)
		return NULL; /* the part is all there is */
	if (r.status == 206 && r.first == have)
		return save(c, part, have, r.length >= 0 ? have + r.length : r.total);
	if (r.status == 412 && have > 0)
		return "the file has changed since its part was downloaded: remove that";
	if (r.status == 200) {
		/* The server does not resume. */
		if (ftruncate(fileno(part), 0) < 0)
			return strerror(errno);
		rewind(part);
		return save(c, part, 0, r.length);
	}
	snprintf(reason, sizeof reason, "the server answered with status %d", r.status);
	return reason;
}

int main(int argc, char **argv)
{
	bool with_roots = argc == 5 && strcmp(argv[1], "-r") == 0;
	const char *reason, *roots = with_roots ? argv[2] : NULL;
	char part_name[4096];
	tlsmith_ctx *ctx;
	tlsmith_conn *c;
	struct url url;
	FILE *part;

	argv += with_roots ? 2 : 0;
	if (argc - (with_roots ? 2 : 0) != 3 || !parse_url(argv[1], &url)) {
		fprintf(stderr, "usage: download [-r ROOTS.pem] https://HOST[:PORT]/PATH FILE\n");
		return 2;
	}
	snprintf(part_name, sizeof part_name, "%s.part", argv[2]);
	if ((part = fopen(part_name, "ab")) == NULL) {
		perror(part_name);
		return 1;
	}
	ctx = tlsmith_ctx_new();
	if (roots != NULL)
		tlsmith_ctx_add_roots(ctx, roots);
	c = tlsmith_conn_new(ctx);
	tlsmith_conn_set_timeout(c, LIMIT_MS);
	reason = download(c, &url, part);
	if (reason != NULL)
		fprintf(stderr, "download: %s: %s\n", argv[1], reason);
	if (fclose(part) != 0 || (reason == NULL && rename(part_name, argv[2]) < 0)) {
		perror(argv[2]);
		reason = "";
	}
	tlsmith_shutdown(c);
	tlsmith_conn_free(c);
	tlsmith_ctx_free(ctx);
	return reason != NULL;
}
