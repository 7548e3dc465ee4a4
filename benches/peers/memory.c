/* memory: both sides in one thread, with nothing but memory between them. */
#include "harness.h"
#include <stdlib.h>
#include <string.h>

struct peer_ends *opened(const char *cipher, const char *group, const char *kind)
{
	struct peer_settings settings = { .cipher = cipher, .group = group };

	settings.mutual = strcmp(kind, "mutual") == 0;
	settings.resume = strcmp(kind, "resumed") == 0;
	return peer_open(&settings);
}

void shake_hands(struct peer_conn *pair[2])
{
	bool client = false, server = false;

	for (int turns = 0; !client || !server; turns++) {
		if (turns > 10)
			die("the handshake comes to no end");
		client = peer_handshake(pair[PEER_CLIENT]);
		peer_carry(pair[PEER_CLIENT], pair[PEER_SERVER]);
		server = peer_handshake(pair[PEER_SERVER]);
		peer_carry(pair[PEER_SERVER], pair[PEER_CLIENT]);
	}
}

/* ---- Handshakes ---- */

struct handshaking {
	struct peer_ends *ends;
	bool resume;
};

/* It comes after the handshake, of some servers with the first byte that they write, to
 * clients that read. */
static void receive_ticket(struct peer_conn *pair[2])
{
	char buf[1] = { 0 };

	NEED(peer_write(pair[PEER_SERVER], buf, 1) == 1);
	peer_carry(pair[PEER_SERVER], pair[PEER_CLIENT]);
	while (peer_read(pair[PEER_CLIENT], buf, 1) == 0)
		;
}

static void connect_once(const struct handshaking *with, bool first)
{
	struct peer_conn *pair[2];

	peer_memory(with->ends, pair);
	shake_hands(pair);
	if (with->resume)
		receive_ticket(pair);
	NEED(first || peer_resumed(pair[PEER_CLIENT]) == with->resume);
	peer_free(pair[PEER_CLIENT]);
	peer_free(pair[PEER_SERVER]);
}

static void connect_often(void *with, long count)
{
	while (count-- > 0)
		connect_once(with, false);
}

double handshakes(const char *cipher, const char *group, const char *kind, long count)
{
	struct handshaking with = { opened(cipher, group, kind), strcmp(kind, "resumed") == 0 };
	double time;

	if (with.ends == NULL)
		return -1;
	connect_once(&with, true);
	connect_once(&with, false);
	time = measured(connect_often, &with, count);
	peer_close(with.ends);
	return time;
}

/* ---- Messages ---- */

struct bulk {
	struct peer_conn *pair[2];
	unsigned char *out, *in;
	/* Of one message, and of as many as are written before they are carried. */
	size_t message, size;
};

/* How much of the next message is taken. */
static size_t write_some(struct bulk *bulk, size_t sent)
{
	size_t rest = bulk->message - sent % bulk->message;

	return peer_write(bulk->pair[PEER_CLIENT], bulk->out + sent, rest);
}

/* In as many steps as the library likes. */
static void send_burst(struct bulk *bulk)
{
	size_t sent = 0, received = 0, n;

	for (int turns = 0; received < bulk->size; turns++) {
		if (turns > 1000)
			die("%zu of %zu bytes arrive", received, sent);
		for (n = 1; sent < bulk->size && n > 0; sent += n)
			n = write_some(bulk, sent);
		peer_carry(bulk->pair[PEER_CLIENT], bulk->pair[PEER_SERVER]);
		do {
			n = peer_read(bulk->pair[PEER_SERVER], bulk->in + received, bulk->size - received);
			received += n;
		} while (n > 0 && received < sent);
	}
}

static void send_bursts(void *with, long count)
{
	while (count-- > 0)
		send_burst(with);
}

double memory_bulk(const char *cipher, size_t message, long burst, long count)
{
	size_t size = message * (size_t)burst;
	struct peer_ends *ends = opened(cipher, NULL, "full");
	struct bulk bulk = { .message = message, .size = size };
	double time;

	if (ends == NULL)
		return -1;
	NEED((bulk.out = malloc(size)) != NULL && (bulk.in = malloc(size)) != NULL);
	for (size_t i = 0; i < size; i++)
		bulk.out[i] = (unsigned char)rand();
	peer_memory(ends, bulk.pair);
	shake_hands(bulk.pair);
	send_bursts(&bulk, 10);
	time = measured(send_bursts, &bulk, count) / (double)burst;
	NEED(memcmp(bulk.in, bulk.out, size) == 0);
	peer_free(bulk.pair[PEER_CLIENT]);
	peer_free(bulk.pair[PEER_SERVER]);
	peer_close(ends);
	free(bulk.out);
	free(bulk.in);
	return time;
}
