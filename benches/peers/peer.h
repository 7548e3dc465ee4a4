/* peer.h: what a library does to be measured.
 *
 * One program for each library: one file has these functions, and the others are the
 * same in all.  Who cannot go on says so with die(): none of these functions fails. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

struct peer_ends; /* what connections share: both sides of it */
struct peer_conn; /* one side of one connection */

enum peer_side { PEER_CLIENT, PEER_SERVER };

/* TLS 1.3, a P-256 certificate, whose chain and name the client checks. */
struct peer_settings {
	const char *cipher; /* by its IANA name; NULL: the library's choice */
	const char *group;  /* by its IANA name; NULL: the library's choice */
	bool mutual;        /* the server demands a certificate, and checks it */
	bool resume;        /* the server gives one ticket, and the client resumes with it */
	bool frugal;        /* keep no buffer that is empty, where that is a choice */
};

/* What they are called, and which version runs. */
const char *peer_version(void);

/* NULL where the library has no such cipher suite or group. */
struct peer_ends *peer_open(const struct peer_settings *settings);
void peer_close(struct peer_ends *ends);

/* Both sides of one connection in memory, the client's first. */
void peer_memory(struct peer_ends *ends, struct peer_conn *pair[2]);
/* One side over a connected, blocking socket, which stays the caller's. */
struct peer_conn *peer_socket(struct peer_ends *ends, enum peer_side side, int fd);
void peer_free(struct peer_conn *conn);

/* Whether it is complete.  Over a socket it is after one call. */
bool peer_handshake(struct peer_conn *conn);
bool peer_resumed(struct peer_conn *conn);
/* How many bytes: at least 1 over a socket, and 0 where memory has none, or no room. */
size_t peer_read(struct peer_conn *conn, void *buf, size_t len);
size_t peer_write(struct peer_conn *conn, const void *data, size_t len);
/* In memory, what one side sent reaches the other. */
void peer_carry(struct peer_conn *from, struct peer_conn *to);

/* A client's context that trusts the system's roots, made and freed. */
void peer_roots(void);
/* A CA and a certificate of it with keys of this kind, as PEM; false where the library
 * makes none. */
bool peer_certificates(const char *kind);

#endif
