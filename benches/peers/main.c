/* main: measures one library.  `bench-NAME FOLDER CASE WORDS` measures once, with the
 * certificates in that folder; without a case, it does for each line of its input what
 * the line says.  It answers with numbers, or with "no" where the library cannot. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MOST_WORDS 6

struct text ca, server_cert, server_key, client_cert, client_key;

static struct text whole_file(const char *folder, const char *name)
{
	char path[4096];
	struct text text;
	FILE *file;
	long size;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if ((file = fopen(path, "rb")) == NULL)
		die("%s cannot be read", path);
	NEED(fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0);
	rewind(file);
	text.len = (size_t)size;
	NEED((text.data = calloc(1, text.len + 1)) != NULL);
	NEED(fread(text.data, 1, text.len, file) == text.len);
	fclose(file);
	return text;
}

static void read_certificates(const char *folder)
{
	ca = whole_file(folder, "ca.pem");
	server_cert = whole_file(folder, "server.pem");
	server_key = whole_file(folder, "server.key");
	client_cert = whole_file(folder, "client.pem");
	client_key = whole_file(folder, "client.key");
}

/* ---- Cases that are one call, or a program ---- */

static void make_roots(void *with, long count)
{
	(void)with;
	while (count-- > 0)
		peer_roots();
}

double roots(long count)
{
	return measured(make_roots, NULL, count);
}

static void make_certificates(void *kind, long count)
{
	while (count-- > 0)
		peer_certificates(kind);
}

double issuing(const char *kind, long count)
{
	if (!peer_certificates(kind))
		return -1;
	return measured(make_certificates, (void *)kind, count);
}

double start(const char *program, const char *folder, long count)
{
	char *arguments[] = { (char *)program, (char *)folder, "first", NULL }, *none[] = { NULL };
	posix_spawn_file_actions_t quiet;
	double begin = now();

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
	for (long i = 0; i < count; i++) {
		pid_t child;
		int status;

		NEED(posix_spawn(&child, program, &quiet, NULL, arguments, none) == 0);
		NEED(waitpid(child, &status, 0) == child && status == 0);
	}
	posix_spawn_file_actions_destroy(&quiet);
	return (now() - begin) / (double)count;
}

static void first_handshake(void)
{
	struct peer_ends *ends = opened(NULL, NULL, "full");
	struct peer_conn *pair[2];

	peer_memory(ends, pair);
	shake_hands(pair);
	peer_free(pair[PEER_CLIENT]);
	peer_free(pair[PEER_SERVER]);
	peer_close(ends);
}

/* ---- What is asked for ---- */

static void answer(double time)
{
	if (time < 0)
		printf("no\n");
	else
		printf("%.1f\n", time);
}

static long number(const char *word)
{
	char *end;
	long value = strtol(word, &end, 10);

	if (*end != '\0' || value <= 0)
		die("%s is no number of 1 or more", word);
	return value;
}

/* "-" is the library's. */
static const char *choice(const char *word)
{
	return strcmp(word, "-") == 0 ? NULL : word;
}

static void answer_idle(long count)
{
	double server, client;

	count = idle(count, &server, &client);
	printf("%.0f %.0f %ld\n", server, client, count);
}

static void run(const char *program, const char *folder, char *words[], int count)
{
	const char *name = words[0];

	if (count == 1 && strcmp(name, "version") == 0)
		puts(peer_version());
	else if (count == 1 && strcmp(name, "first") == 0)
		first_handshake();
	else if (count == 5 && strcmp(name, "handshake") == 0)
		answer(handshakes(choice(words[1]), choice(words[2]), words[3], number(words[4])));
	else if (count == 4 && strcmp(name, "memory") == 0)
		answer(memory_bulk(words[1], (size_t)number(words[2]), 1, number(words[3])));
	else if (count == 5 && strcmp(name, "burst") == 0)
		answer(memory_bulk(words[1], (size_t)number(words[2]), number(words[3]),
		    number(words[4])));
	else if (count == 4 && strcmp(name, "tcp") == 0)
		answer(tcp_bulk(words[1], (size_t)number(words[2]), number(words[3])));
	else if (count == 4 && strcmp(name, "pingpong") == 0)
		answer(ping_pong(words[1], (size_t)number(words[2]), number(words[3])));
	else if (count == 2 && strcmp(name, "idle") == 0)
		answer_idle(number(words[1]));
	else if (count == 2 && strcmp(name, "roots") == 0)
		answer(roots(number(words[1])));
	else if (count == 2 && strcmp(name, "start") == 0)
		answer(start(program, folder, number(words[1])));
	else if (count == 3 && strcmp(name, "certificates") == 0)
		answer(issuing(words[1], number(words[2])));
	else
		die("%s with %d words is no case", name, count);
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	char line[256], *words[MOST_WORDS];

	if (argc < 2)
		die("usage: %s FOLDER [CASE WORDS]", argv[0]);
	read_certificates(argv[1]);
	if (argc > 2) {
		run(argv[0], argv[1], argv + 2, argc - 2);
		return 0;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		int count = 0;

		for (char *word = strtok(line, " \n"); word != NULL && count < MOST_WORDS;
		     word = strtok(NULL, " \n"))
			words[count++] = word;
		if (count > 0)
			run(argv[0], argv[1], words, count);
	}
	return 0;
}
