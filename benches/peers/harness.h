/* harness.h: what the programs that measure have in common. */
#ifndef HARNESS_H
#define HARNESS_H

#include "peer.h"
#include <stdint.h>

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* A file as a whole, with a NUL behind it. */
struct text {
	char *data;
	size_t len;
};

/* PEM: a root, and what it issued for the server and for a client. */
extern struct text ca, server_cert, server_key, client_cert, client_key;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define NEED(what) ((what) ? (void)0 : die("%s:%d: %s", __FILE__, __LINE__, #what))

/* The number of a cipher suite of TLS 1.3 (RFC 8446, appendix B.4); 0 if unknown. */
uint16_t cipher_number(const char *name);

/* ---- Bytes on their way, for libraries that bring no memory transport ---- */

struct pipe {
	unsigned char *data;
	size_t start, end, size;
};

void pipe_write(struct pipe *pipe, const void *data, size_t len);
size_t pipe_read(struct pipe *pipe, void *buf, size_t len);
void pipe_free(struct pipe *pipe);

/* ---- Time ---- */

/* Nanoseconds of a clock that never goes back. */
double now(void);
/* Runs work(with, count): the nanoseconds of CPU time for each.  callgrind is told to
 * count inside the function of this name. */
double measured(void (*work)(void *, long), void *with, long count);

/* ---- Cases: each gives nanoseconds, or less than 0 where the library cannot ---- */

/* In memory; `kind` is "full", "mutual" or "resumed". */
double handshakes(const char *cipher, const char *group, const char *kind, long count);
/* Messages, there and read, so many of them carried at once: for each. */
double memory_bulk(const char *cipher, size_t message, long burst, long count);
/* The same over loopback TCP, between two threads. */
double tcp_bulk(const char *cipher, size_t size, long count);
/* A message and its answer. */
double ping_pong(const char *cipher, size_t size, long count);
/* From the start of the program to the end of one handshake and of the program. */
double start(const char *program, const char *folder, long count);
double roots(long count);
double issuing(const char *kind, long count);
/* How many bytes of heap a connection takes that has shaken hands and exchanged a
 * message, of as many as there may be up to `count`: how many there were. */
long idle(long count, double *server, double *client);

/* ---- What they are made of ---- */

struct peer_ends *opened(const char *cipher, const char *group, const char *kind);
void shake_hands(struct peer_conn *pair[2]);
void send_all(struct peer_conn *conn, const void *data, size_t len);
void receive_all(struct peer_conn *conn, void *buf, size_t len);

#endif
