/* Ten thousand idle clients, two hundred busy ones, and some that misbehave, at the
 * server of examples/c/epoll_echo.c: epoll PROGRAM [-e]. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { IDLE = 10000, BUSY = 200, SILENT = 10, VOLUME = 1 << 20 };

static tlsmith_ctx *ctx;
static struct sockaddr_in address;
static char port[8];
static pid_t server;

static void choose_port(void)
{
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(fd, (struct sockaddr *)&address, len);
	getsockname(fd, (struct sockaddr *)&address, &len);
	snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
	close(fd);
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static void start_server(char *program, char *flag)
{
	int fd = -1, tries;

	if ((server = fork()) == 0) {
		/* Whatever ends this test ends the server. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (flag != NULL)
			execl(program, program, flag, port, "epoll.pem", "epoll.key", (char *)NULL);
		else
			execl(program, program, port, "epoll.pem", "epoll.key", (char *)NULL);
		_exit(127);
	}
	for (tries = 0; tries < 500 && (fd = dial()) < 0; tries++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	CHECK(fd >= 0);
	close(fd);
}

/* The CPU time that the server has used, in clock ticks. */
static long used(void)
{
	char path[40], line[1000] = "";
	long user = 0, kernel = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)server);
	if ((f = fopen(path, "r")) != NULL) {
		CHECK(fgets(line, sizeof line, f) != NULL);
		fclose(f);
	}
	CHECK(sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
	    &user, &kernel) == 2);
	return user + kernel;
}

static tlsmith_conn *client(void)
{
	tlsmith_conn *c = tlsmith_conn_new(ctx);

	tlsmith_conn_set_timeout(c, 30000);
	if (!CHECK(tlsmith_connect(c, "127.0.0.1", port) == 0))
		fprintf(stderr, "%s\n", tlsmith_conn_error(c));
	return c;
}

static void echoes(tlsmith_conn *c, const char *text)
{
	char buf[100];
	size_t got = 0, len = strlen(text);
	ptrdiff_t n;

	CHECK(tlsmith_write(c, text, len) == (ptrdiff_t)len);
	while (got < len && (n = tlsmith_read(c, buf + got, sizeof buf - got)) > 0)
		got += n;
	CHECK(got == len && memcmp(buf, text, len) == 0);
}

/* Writes all before it reads anything. */
static void *be_busy(void *arg)
{
	unsigned char *data = malloc(VOLUME), *back = malloc(VOLUME);
	unsigned seed = (unsigned)(size_t)arg + 1;
	tlsmith_conn *c = client();
	size_t got = 0, i;
	ptrdiff_t n = 0;

	for (i = 0; i < VOLUME; i++)
		data[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
	if (!CHECK(tlsmith_write(c, data, VOLUME) == VOLUME))
		fprintf(stderr, "%s\n", tlsmith_conn_error(c));
	CHECK(tlsmith_shutdown(c) == 0);
	while (got < VOLUME && (n = tlsmith_read(c, back + got, VOLUME - got)) > 0)
		got += n;
	CHECK(got == VOLUME && memcmp(data, back, VOLUME) == 0);
	CHECK(tlsmith_read(c, back, 1) == 0);
	tlsmith_conn_free(c);
	free(data);
	free(back);
	return NULL;
}

static ptrdiff_t receive(void *userdata, void *buf, size_t len)
{
	return recv(*(int *)userdata, buf, len, 0);
}

static ptrdiff_t send_a_byte(void *userdata, const void *data, size_t len)
{
	nanosleep(&(struct timespec){ 0, len > 1 ? 100000 : 0 }, NULL);
	return send(*(int *)userdata, data, 1, MSG_NOSIGNAL);
}

static void a_byte_at_a_time(void)
{
	tlsmith_conn *c = tlsmith_conn_new(ctx);
	int fd = dial();

	CHECK(tlsmith_connect_io(c, receive, send_a_byte, &fd, "127.0.0.1") == 0);
	echoes(c, "slowly, slowly");
	tlsmith_conn_free(c);
	close(fd);
}

/* Some go in the middle of their hello, some in the middle of everything. */
static void some_vanish(void)
{
	struct linger reset = { 1, 0 };
	tlsmith_conn *c;
	int fd, i;

	for (i = 0; i < 20; i++) {
		fd = dial();
		CHECK(send(fd, "\x16\x03\x01\x02", i % 5, MSG_NOSIGNAL) == i % 5);
		if (i % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fd);
		c = client();
		CHECK(tlsmith_write(c, "abandoned", 9) == 9);
		if (i % 2)
			setsockopt(tlsmith_conn_fd(c), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		tlsmith_conn_free(c);
	}
}

/* Writes until nobody takes more, and reads nothing. */
static tlsmith_conn *get_stuck(void)
{
	static char data[100000];
	tlsmith_conn *c = client();

	tlsmith_conn_set_timeout(c, 0);
	while (tlsmith_write(c, data, sizeof data) > 0)
		;
	return c;
}

static void idle_server_uses_no_cpu(void)
{
	tlsmith_conn *stuck = get_stuck();
	long before;

	sleep(1);
	before = used();
	sleep(1);
	/* Two ticks are 20 ms: what spins uses a hundred. */
	if (!CHECK(used() - before <= 2))
		fprintf(stderr, "%ld ticks in a second of rest\n", used() - before);
	tlsmith_conn_free(stuck);
}

static void the_silent_are_dropped(const int *fd)
{
	struct pollfd end = { 0, POLLIN, 0 };
	char buf[10];
	int i;

	for (i = 0; i < SILENT; i++) {
		end.fd = fd[i];
		CHECK(poll(&end, 1, 10000) == 1);
		CHECK(recv(fd[i], buf, sizeof buf, 0) <= 0);
		close(fd[i]);
	}
}

int main(int argc, char **argv)
{
	tlsmith_identity *ca = tlsmith_gen_ca(NULL);
	tlsmith_identity *id = tlsmith_issue_cert(ca, "127.0.0.1", NULL);
	const char *pem = tlsmith_identity_cert_pem(ca);
	static tlsmith_conn *idle[IDLE];
	pthread_t threads[BUSY];
	struct rlimit limit;
	int silent[SILENT], count = IDLE, status, i;

	if (argc < 2)
		return 2;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < IDLE + 1000) {
		count = (int)limit.rlim_max - 1000;
		fprintf(stderr, "only %d idle clients: ulimit -n %d allows all\n", count, IDLE + 1000);
	}
	CHECK(count > 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	signal(SIGPIPE, SIG_DFL);
	CHECK(tlsmith_identity_save(id, "epoll.pem", "epoll.key", NULL) == 0);
	ctx = tlsmith_ctx_new();
	tlsmith_ctx_add_roots_mem(ctx, pem, strlen(pem));
	choose_port();
	start_server(argv[1], argc > 2 ? argv[2] : NULL);

	for (i = 0; i < count; i++)
		idle[i] = client();
	for (i = 0; i < SILENT; i++)
		silent[i] = dial();
	for (i = 0; i < BUSY; i++)
		CHECK(pthread_create(&threads[i], NULL, be_busy, (void *)(size_t)i) == 0);
	a_byte_at_a_time();
	some_vanish();
	for (i = 0; i < BUSY; i++)
		pthread_join(threads[i], NULL);
	the_silent_are_dropped(silent);
	idle_server_uses_no_cpu();
	for (i = 0; i < count; i++) {
		echoes(idle[i], "still here");
		tlsmith_conn_free(idle[i]);
	}
	CHECK(waitpid(server, &status, WNOHANG) == 0);
	kill(server, SIGTERM);
	waitpid(server, &status, 0);
	tlsmith_ctx_free(ctx);
	tlsmith_identity_free(id);
	tlsmith_identity_free(ca);
	return failures != 0;
}
