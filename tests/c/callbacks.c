/* What the program itself decides and hears: callbacks. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "memory.h"

/* What the hello callback heard, and what it answers with. */
static struct heard {
	char name[100], alpn[100];
	tlsmith_ctx *answer;
	const tlsmith_identity *identity;
	const char *protocols;
	int count, refusal;
} heard;

static int hear(void *userdata, tlsmith_conn *conn, const tlsmith_hello *hello)
{
	const char *name = tlsmith_hello_server_name(hello);
	const uint8_t *protocol;
	size_t len;

	CHECK(userdata == &heard);
	CHECK(tlsmith_conn_userdata(conn) == &heard);
	snprintf(heard.name, sizeof heard.name, "%s", name != NULL ? name : "(none)");
	heard.alpn[0] = '\0';
	for (size_t i = 0; (protocol = tlsmith_hello_alpn(hello, i, &len)) != NULL; i++) {
		CHECK(strlen((const char *)protocol) == len);
		strcat(strcat(heard.alpn, (const char *)protocol), ";");
	}
	heard.count++;
	/* What is not about the answer has to wait. */
	CHECK(tlsmith_handshake(conn) == TLSMITH_ERR_STATE);
	if (heard.answer != NULL)
		CHECK(tlsmith_conn_set_ctx(conn, heard.answer) == 0);
	if (heard.identity != NULL)
		CHECK(tlsmith_conn_set_identity(conn, heard.identity) == 0);
	if (heard.protocols != NULL)
		CHECK(tlsmith_conn_set_alpn(conn, heard.protocols) == 0);
	return heard.refusal;
}

static int hear_and_fail(void *userdata, tlsmith_conn *conn, const tlsmith_hello *hello)
{
	(void)hello;
	CHECK(tlsmith_conn_set_alpn(conn, ((struct heard *)userdata)->protocols) == TLSMITH_ERR_ARG);
	return 0;
}

static int meet_heard(struct pair *p, const char *name)
{
	connect_only(p, name);
	CHECK(tlsmith_conn_userdata(p->server) == NULL);
	tlsmith_conn_set_userdata(p->server, &heard);
	return shake(p);
}

static void hello_callback_selects_the_answer(void)
{
	tlsmith_identity *a = tlsmith_issue_cert(ca, "a.example", NULL);
	struct pair p;

	memset(&heard, 0, sizeof heard);
	heard.answer = tlsmith_ctx_new();
	tlsmith_ctx_use(heard.answer, a);
	tlsmith_ctx_set_alpn(heard.answer, "h2");
	prepare(&p);
	tlsmith_ctx_set_hello(p.server_ctx, hear, &heard);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3,h2");
	CHECK(meet_heard(&p, "a.example") == 0);
	CHECK_TEXT(heard.name, "a.example");
	CHECK_TEXT(heard.alpn, "h3;h2;");
	CHECK_TEXT(tlsmith_conn_alpn(p.server), "h2");
	CHECK_TEXT(tlsmith_cert_name(tlsmith_conn_peer_cert(p.client, 0), 0, NULL), "a.example");
	tlsmith_ctx_free(heard.answer);
	stop(&p);

	/* Without an answer it is the context itself. */
	heard.answer = NULL;
	prepare(&p);
	tlsmith_ctx_set_hello(p.server_ctx, hear, &heard);
	tlsmith_ctx_insecure_no_name(p.client_ctx);
	CHECK(meet_heard(&p, NULL) == 0);
	CHECK_TEXT(heard.name, "(none)");
	CHECK_TEXT(heard.alpn, "");
	CHECK_TEXT(tlsmith_cert_name(tlsmith_conn_peer_cert(p.client, 0), 0, NULL), "localhost");
	CHECK(heard.count == 2);
	stop(&p);

	/* One that cannot answer fails the connection, not the program. */
	heard.answer = tlsmith_ctx_new();
	prepare(&p);
	tlsmith_ctx_set_hello(p.server_ctx, hear, &heard);
	CHECK_FAILS(meet_heard(&p, "localhost"), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client), "internal_error");
	CHECK_FAILS(p.server_status, TLSMITH_ERR_STATE, tlsmith_conn_error(p.server), "certificate");
	stop(&p);
	tlsmith_ctx_free(heard.answer);

	/* An identity and protocols for this client alone. */
	heard.answer = NULL;
	heard.identity = a;
	heard.protocols = "imap";
	prepare(&p);
	tlsmith_ctx_set_hello(p.server_ctx, hear, &heard);
	tlsmith_ctx_set_alpn(p.client_ctx, "h3,imap");
	CHECK(meet_heard(&p, "a.example") == 0);
	CHECK_TEXT(tlsmith_conn_alpn(p.client), "imap");
	stop(&p);

	/* What cannot be set refuses the client, also if nobody looks. */
	heard.protocols = "a,,b";
	prepare(&p);
	tlsmith_ctx_set_hello(p.server_ctx, hear_and_fail, &heard);
	CHECK_FAILS(meet_heard(&p, "a.example"), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client), "");
	CHECK_FAILS(p.server_status, TLSMITH_ERR_ARG, tlsmith_conn_error(p.server), "ALPN");
	stop(&p);
	heard.protocols = NULL;

	/* The client gets the alert that the callback returns. */
	static const struct { int answer; const char *alert; } refusals[] = {
		{ 112, "unrecognized_name" }, { 49, "access_denied" }, { 40, "handshake_failure" },
		{ -3, "handshake_failure" }, { 256, "handshake_failure" },
	};
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		heard.refusal = refusals[i].answer;
		prepare(&p);
		tlsmith_ctx_set_hello(p.server_ctx, hear, &heard);
		CHECK_FAILS(meet_heard(&p, "localhost"), TLSMITH_ERR_ALERT, tlsmith_conn_error(p.client),
		    refusals[i].alert);
		CHECK_FAILS(p.server_status, TLSMITH_ERR_NO_COMMON, tlsmith_conn_error(p.server),
		    "hello callback refused");
		stop(&p);
	}
	tlsmith_identity_free(a);
}

/* What the verify callback saw, and what it answers. */
static struct seen {
	int count, status, answer;
	const tlsmith_conn *conn;
	char subject[100], root[100], why[200];
} seen;

static int look(void *userdata, const tlsmith_conn *conn, int status)
{
	const tlsmith_cert *leaf = tlsmith_conn_peer_cert(conn, 0);
	char buf[10];

	CHECK(userdata == &seen);
	seen.count++;
	seen.conn = conn;
	seen.status = status;
	snprintf(seen.subject, sizeof seen.subject, "%s", tlsmith_cert_subject(leaf));
	snprintf(seen.root, sizeof seen.root, "%s", tlsmith_cert_subject(tlsmith_conn_verified_cert(conn, 1)));
	snprintf(seen.why, sizeof seen.why, "%s", conn ? tlsmith_conn_error(conn) : "");
	/* No other call may be made on it: it would wait for itself. */
	if (conn != NULL) {
		CHECK(tlsmith_read((tlsmith_conn *)conn, buf, 10) == TLSMITH_ERR_STATE);
		CHECK(tlsmith_conn_events(conn) == 0 && tlsmith_conn_tickets(conn) == 0);
		CHECK_TEXT(tlsmith_conn_report(conn), "");
	}
	return seen.answer;
}

/* Refuses a server without the response that it should have. */
static int look_at_ocsp(void *userdata, const tlsmith_conn *conn, int status)
{
	size_t len = 1;
	const uint8_t *response = tlsmith_conn_peer_ocsp(conn, &len);
	const char *expected = userdata;

	if (response == NULL ? len != 0 : memcmp(response, expected, len) != 0)
		return TLSMITH_ERR_INTERNAL;
	return len == strlen(expected) ? status : TLSMITH_ERR_CERT_OCSP;
}

static void verify_callback_gets_the_ocsp_response(void)
{
	static char response[] = "0\003\n\001\006";
	int min, stapled;
	struct pair p;

	for (min = 0x0303; min <= 0x0304; min++) {
		for (stapled = 0; stapled < 2; stapled++) {
			prepare(&p);
			tlsmith_ctx_set_versions(p.client_ctx, min, min);
			tlsmith_ctx_set_verify(p.client_ctx, look_at_ocsp, response);
			if (stapled)
				tlsmith_ctx_set_ocsp(p.server_ctx, response, 5);
			CHECK(meet(&p, "localhost") == (stapled ? 0 : TLSMITH_ERR_CERT_OCSP));
			CHECK(tlsmith_conn_alert(p.server) == (stapled ? -1 : 113));
			CHECK((tlsmith_conn_peer_ocsp(p.client, NULL) != NULL) == stapled);
			stop(&p);
		}
	}
}

static void verify_callback_can_reject_a_verified_peer(void)
{
	static const struct { int answer, code, alert; } refusals[] = {
		{ TLSMITH_ERR_CERT_REVOKED, TLSMITH_ERR_CERT_REVOKED, 44 },
		{ TLSMITH_ERR_CERT_OCSP, TLSMITH_ERR_CERT_OCSP, 113 },
		{ TLSMITH_ERR_CERT, TLSMITH_ERR_CERT, 46 },
		{ TLSMITH_ERR_CERT_REFUSED, TLSMITH_ERR_CERT_REFUSED, 49 },
		{ -9999, TLSMITH_ERR_CERT_REFUSED, 49 }, { 1, TLSMITH_ERR_CERT_REFUSED, 49 },
		/* "Not yet" is no refusal: nobody shall call again for ever. */
		{ TLSMITH_WANT_READ, TLSMITH_ERR_CERT_REFUSED, 49 },
	};
	const char *pem = tlsmith_identity_cert_pem(ca);
	tlsmith_identity *user = tlsmith_issue_cert(ca, "alice@example.org", NULL);
	const tlsmith_cert *kept;
	struct pair p;
	size_t i;

	memset(&seen, 0, sizeof seen);
	prepare(&p);
	tlsmith_ctx_set_verify(p.client_ctx, look, &seen);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(seen.count == 1 && seen.status == 0 && seen.conn == p.client);
	CHECK_TEXT(seen.subject, "CN=localhost");
	CHECK_TEXT(seen.root, "CN=tlsmith CA");
	kept = tlsmith_conn_peer_cert(p.client, 0);
	CHECK_TEXT(tlsmith_cert_subject(kept), "CN=localhost");
	stop(&p);

	for (i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		seen.answer = refusals[i].answer;
		prepare(&p);
		tlsmith_ctx_set_verify(p.client_ctx, look, &seen);
		CHECK_FAILS(meet(&p, "localhost"), refusals[i].code, tlsmith_conn_error(p.client),
		    "verify callback refused the certificate of 'CN=localhost'");
		CHECK(p.server_status == TLSMITH_ERR_ALERT);
		CHECK(tlsmith_conn_alert(p.server) == refusals[i].alert);
		CHECK(tlsmith_conn_verified_cert(p.client, 0) == NULL);
		CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL);
		stop(&p);
	}

	/* What failed stays refused; the callback hears why. */
	seen.answer = 0;
	prepare(&p);
	tlsmith_ctx_set_verify(p.client_ctx, look, &seen);
	CHECK(meet(&p, "other.example") == TLSMITH_ERR_CERT_NAME_MISMATCH);
	CHECK(seen.status == TLSMITH_ERR_CERT_NAME_MISMATCH && strcmp(seen.root, "") == 0);
	CHECK_TEXT(seen.subject, "CN=localhost");
	CHECK(strstr(seen.why, "other.example") != NULL);
	stop(&p);

	/* A server looks at its clients. */
	prepare(&p);
	tlsmith_ctx_use(p.client_ctx, user);
	tlsmith_ctx_add_roots_mem(p.server_ctx, pem, strlen(pem));
	tlsmith_ctx_set_client_auth(p.server_ctx, TLSMITH_CLIENT_AUTH_REQUIRED);
	tlsmith_ctx_set_verify(p.server_ctx, look, &seen);
	CHECK(meet(&p, "localhost") == 0 && p.server_status == 0);
	CHECK(seen.conn == p.server && strstr(seen.subject, "alice") != NULL);
	/* Without a connection there is none to look at. */
	tlsmith_ctx_set_verify(p.client_ctx, look, &seen);
	stop(&p);
	prepare(&p);
	tlsmith_ctx_set_verify(p.client_ctx, look, &seen);
	CHECK(tlsmith_ctx_verify(p.client_ctx, localhost, "localhost", NULL, 0) == 0);
	CHECK(seen.conn == NULL && strcmp(seen.subject, "") == 0);
	seen.answer = TLSMITH_ERR_CERT_REVOKED;
	CHECK(tlsmith_ctx_verify(p.client_ctx, localhost, "localhost", NULL, 0) == TLSMITH_ERR_CERT_REVOKED);
	connect_only(&p, "localhost");
	stop(&p);
	tlsmith_identity_free(user);
}

static void note_line(void *userdata, const tlsmith_conn *conn, const char *line)
{
	char *text = userdata;
	size_t used = strlen(text);

	CHECK(tlsmith_conn_userdata(conn) == text);

	snprintf(text + used, 4000 - used, "%s\n", line);
}

static void key_log_gets_secrets_on_request(void)
{
	char text[4000] = "", file[4000] = "";
	struct stat st;
	struct pair p;
	FILE *f;

	unlink("keys.log");
	unlink("from-env.log");
	prepare(&p);
	tlsmith_ctx_set_keylog_fn(p.client_ctx, note_line, text);
	tlsmith_ctx_set_keylog(p.server_ctx, "keys.log");
	connect_only(&p, "localhost");
	tlsmith_conn_set_userdata(p.client, text);
	CHECK(shake(&p) == 0);
	stop(&p);
	CHECK(stat("keys.log", &st) == 0 && (st.st_mode & 0777) == 0600);
	f = fopen("keys.log", "r");
	CHECK(f != NULL && fread(file, 1, sizeof file - 1, f) > 500);
	fclose(f);
	CHECK(strstr(text, "CLIENT_TRAFFIC_SECRET_0 ") != NULL);
	CHECK(strstr(text, "SERVER_HANDSHAKE_TRAFFIC_SECRET ") != NULL);
	CHECK(strstr(text, "EXPORTER_SECRET ") != NULL);
	/* Both sides know the same secrets. */
	f = fopen("keys.log", "r");
	CHECK(f != NULL);
	while (fgets(file, sizeof file, f) != NULL)
		CHECK(strstr(text, file) != NULL);
	fclose(f);

	unsetenv("SSLKEYLOGFILE");
	prepare(&p);
	CHECK_FAILS(tlsmith_ctx_set_keylog(p.client_ctx, NULL), TLSMITH_ERR_ARG,
	    tlsmith_ctx_error(p.client_ctx), "SSLKEYLOGFILE");
	stop(&p);
	setenv("SSLKEYLOGFILE", "from-env.log", 1);
	prepare(&p);
	CHECK(tlsmith_ctx_set_keylog(p.client_ctx, NULL) == 0);
	CHECK(meet(&p, "localhost") == 0);
	CHECK(stat("from-env.log", &st) == 0 && st.st_size > 500);
	stop(&p);
}

/* Signs what comes in with a key in a file, until its parent hangs up. */
static void sign_for_others(int fd)
{
	unsigned char message[4096], sig[1024];
	ptrdiff_t n;
	FILE *f;

	while ((n = recv(fd, message, sizeof message, 0)) > 0) {
		f = fopen("message.bin", "w");
		fwrite(message, 1, n, f);
		fclose(f);
		if (system("openssl dgst -sha256 -sign external.key -out message.sig message.bin") != 0)
			_exit(1);
		f = fopen("message.sig", "r");
		n = fread(sig, 1, sizeof sig, f);
		fclose(f);
		send(fd, sig, n, 0);
	}
	_exit(0);
}

static ptrdiff_t ask_to_sign(void *userdata, uint16_t scheme, const void *data, size_t len,
    void *sig, size_t sig_max)
{
	int *fd = userdata;

	CHECK(scheme == 0x0403 && sig_max >= 5000);
	if (*fd < 0) {
		errno = EACCES;
		return -1;
	}
	send(*fd, data, len, 0);
	return recv(*fd, sig, sig_max, 0);
}

static ptrdiff_t sign_too_much(void *userdata, uint16_t scheme, const void *data, size_t len,
    void *sig, size_t sig_max)
{
	(void)userdata, (void)scheme, (void)data, (void)len, (void)sig;
	return sig_max + 1;
}

static void keys_can_be_in_another_process(void)
{
	tlsmith_identity *real = tlsmith_issue_cert(ca, "hsm.example", NULL), *id;
	const char *pem = tlsmith_identity_cert_pem(real);
	int fd[2], none = -1;
	struct pair p;
	pid_t child;

	CHECK(tlsmith_identity_save(real, NULL, "external.key", NULL) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0);
	if ((child = fork()) == 0) {
		close(fd[0]);
		sign_for_others(fd[1]);
	}
	close(fd[1]);
	id = tlsmith_identity_external(pem, strlen(pem), ask_to_sign, &fd[0]);
	CHECK(id != NULL);
	CHECK_TEXT(tlsmith_identity_key_pem(id), "");
	prepare(&p);
	tlsmith_ctx_use(p.server_ctx, id);
	CHECK(meet(&p, "hsm.example") == 0 && p.server_status == 0);
	CHECK_TEXT(tlsmith_conn_signature(p.client), "ecdsa_secp256r1_sha256");
	stop(&p);
	tlsmith_identity_free(id);
	close(fd[0]);
	waitpid(child, NULL, 0);

	/* A key that does not answer fails the handshake, with its reason. */
	id = tlsmith_identity_external(pem, strlen(pem), ask_to_sign, &none);
	prepare(&p);
	tlsmith_ctx_use(p.server_ctx, id);
	CHECK(meet(&p, "hsm.example") < 0);
	CHECK_FAILS(p.server_status, TLSMITH_ERR_IO, tlsmith_conn_error(p.server), "sign callback");
	CHECK(tlsmith_conn_errno(p.server) == EACCES);
	stop(&p);
	CHECK_NONE(tlsmith_issue_cert(id, "x.example", NULL), TLSMITH_ERR_ISSUE, "");
	tlsmith_identity_free(id);
	id = tlsmith_identity_external(pem, strlen(pem), sign_too_much, NULL);
	prepare(&p);
	tlsmith_ctx_use(p.server_ctx, id);
	CHECK(meet(&p, "hsm.example") < 0);
	CHECK_FAILS(p.server_status, TLSMITH_ERR_IO, tlsmith_conn_error(p.server), "1 to 8192");
	stop(&p);
	tlsmith_identity_free(id);
	CHECK_NONE(tlsmith_identity_external(pem, strlen(pem), NULL, NULL), TLSMITH_ERR_ARG,
	    "sign is NULL");
	CHECK_NONE(tlsmith_identity_external("noise", 5, ask_to_sign, NULL), TLSMITH_ERR_PARSE, "");
	tlsmith_identity_free(real);
}

static void count_message(void *userdata, int level, const char *message)
{
	CHECK(level >= 1 && level <= 5 && strlen(message) > 5);
	++*(int *)userdata;
	CHECK(tlsmith_set_log(0, NULL, NULL) == TLSMITH_ERR_STATE);
}

static void log_callback_gets_messages_while_it_is_set(void)
{
	int count = 0, before;
	struct pair p;

	CHECK_FAILS(tlsmith_set_log(6, count_message, &count), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "6 is not a log level");
	CHECK(tlsmith_set_log(-1, count_message, &count) == TLSMITH_ERR_ARG);
	/* What goes well is no error. */
	CHECK(tlsmith_set_log(1, count_message, &count) == 0);
	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	stop(&p);
	CHECK(count == 0);
	CHECK(tlsmith_set_log(5, count_message, &count) == 0);
	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	stop(&p);
	CHECK(count > 5);
	CHECK(tlsmith_set_log(5, NULL, NULL) == 0);
	before = count;
	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	stop(&p);
	CHECK(count == before);
}

int main(void)
{
	begin_all();
	hello_callback_selects_the_answer();
	verify_callback_can_reject_a_verified_peer();
	verify_callback_gets_the_ocsp_response();
	key_log_gets_secrets_on_request();
	keys_can_be_in_another_process();
	log_callback_gets_messages_while_it_is_set();
	end_all();
	return failures != 0;
}
