/* The least that a test in C needs: say what failed, where, and go on. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>
#include <tlsmith.h>

static int failures;

#define CHECK(what) \
	((what) ? 1 : (failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what), 0))

/* A code and its sentence: `got` is `code`, and `why` has `part` in it.  The
 * call comes first: its sentence is asked for after it. */
#define CHECK_FAILS(got, code, why, part) do { \
	ptrdiff_t got_ = (got); \
	check_fails(__FILE__, __LINE__, #got, got_, (code), (why), (part)); \
} while (0)

static inline void check_fails(const char *file, int line, const char *call, ptrdiff_t got,
    int code, const char *why, const char *part)
{
	if (got == code && strstr(why, part) != NULL)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s is %td, not %d; '%s' has no '%s'\n", file, line, call, got,
	    code, why, part);
}

/* The same for a call that gives a pointer, and NULL when it fails. */
#define CHECK_NONE(call, code, part) do { \
	const void *made_ = (call); \
	check_fails(__FILE__, __LINE__, #call, made_ ? 0 : tlsmith_last_status(), (code), \
	    tlsmith_last_error(), (part)); \
} while (0)

/* A text that is `want`. */
#define CHECK_TEXT(got, want) check_text(__FILE__, __LINE__, #got, (got), (want))

static inline void check_text(const char *file, int line, const char *call, const char *got,
    const char *want)
{
	if (got == NULL)
		got = "(NULL)";
	if (strcmp(got, want) == 0)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s is '%s', not '%s'\n", file, line, call, got, want);
}

/* A setter that fails, and then a connection that fails for the same reason. */
#define CHECK_SETTER(call, code, part) do { \
	tlsmith_ctx *ctx = tlsmith_ctx_new(); \
	CHECK_FAILS(call, code, tlsmith_ctx_error(ctx), part); \
	tlsmith_conn *c = tlsmith_conn_new(ctx); \
	CHECK_FAILS(tlsmith_connect(c, "localhost", "1"), code, tlsmith_conn_error(c), part); \
	tlsmith_conn_free(c); \
	tlsmith_ctx_free(ctx); \
} while (0)

/* Loads what is encrypted. */
static inline tlsmith_identity *load_encrypted(const char *cert, const char *key,
    const char *password)
{
	tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;

	opt.password = password;
	return tlsmith_identity_load(cert, key, &opt);
}

/* The same from memory that holds the chain and its key. */
static inline tlsmith_identity *load_encrypted_mem(const void *data, size_t len,
    const char *password)
{
	tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;

	opt.password = password;
	return tlsmith_identity_load_mem(data, len, NULL, 0, &opt);
}

#endif
