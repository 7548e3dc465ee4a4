/* harness: files, bytes on their way, and time. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint16_t cipher_number(const char *name)
{
	static const char *const names[] = {
		"TLS_AES_128_GCM_SHA256",
		"TLS_AES_256_GCM_SHA384",
		"TLS_CHACHA20_POLY1305_SHA256",
	};

	for (uint16_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return 0x1301 + i;
	return 0;
}

/* ---- Bytes on their way ---- */

void pipe_write(struct pipe *pipe, const void *data, size_t len)
{
	if (pipe->start == pipe->end)
		pipe->start = pipe->end = 0;
	if (pipe->size - pipe->end < len) {
		pipe->size = pipe->end + len + 65536;
		NEED((pipe->data = realloc(pipe->data, pipe->size)) != NULL);
	}
	memcpy(pipe->data + pipe->end, data, len);
	pipe->end += len;
}

size_t pipe_read(struct pipe *pipe, void *buf, size_t len)
{
	size_t there = pipe->end - pipe->start;

	if (len > there)
		len = there;
	if (len > 0)
		memcpy(buf, pipe->data + pipe->start, len);
	pipe->start += len;
	return len;
}

void pipe_free(struct pipe *pipe)
{
	free(pipe->data);
}

/* ---- Time ---- */

static double nanoseconds(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

double now(void)
{
	return nanoseconds(CLOCK_MONOTONIC);
}

__attribute__((noinline)) double measured(void (*work)(void *, long), void *with, long count)
{
	double begin = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);

	work(with, count);
	return (nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - begin) / (double)count;
}
