/* No error, log line, report or line on the standard error holds a part of a private key,
 * in whatever shape it is given, and wherever it is given in place of something else.
 *
 * `secrets [STEP]` tries each STEPth shape; run.sh checks that every function of tlsmith.h
 * that takes text or bytes is here. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "key_material.h"
#include "key_shapes.h"

/* Not here, since they take no key and no file: tlsmith_has(), and tlsmith_write(),
 * tlsmith_write_early() and tlsmith_feed(), whose bytes are for the peer or from it. */

static const char *what;
static FILE *report;
static long looked_at;

static char logged[1 << 20];
static size_t logged_length;

static void note(void *userdata, int level, const char *message)
{
	size_t length = strlen(message);

	(void)userdata, (void)level;
	if (logged_length + length + 2 < sizeof logged) {
		memcpy(logged + logged_length, message, length);
		logged_length += length;
		logged[logged_length++] = '\n';
	}
}

static void check_text_for_key(const char *call, const char *text)
{
	const char *how = key_material_in(text, secret, sizeof secret);

	looked_at++;
	if (how == NULL)
		return;
	failures++;
	fprintf(report, "%s, %s: holds the key (%s): %s\n", what, call, how, text);
}

/* Looks at whatever a call left behind. */
static void look(const char *call, const tlsmith_ctx *ctx, const tlsmith_conn *conn)
{
	check_text_for_key(call, tlsmith_last_error());
	if (ctx != NULL)
		check_text_for_key(call, tlsmith_ctx_error(ctx));
	if (conn != NULL) {
		check_text_for_key(call, tlsmith_conn_error(conn));
		check_text_for_key(call, tlsmith_conn_report(conn));
	}
	logged[logged_length] = '\0';
	check_text_for_key(call, logged);
	logged_length = 0;
}

#define TRY(call) do { \
	int status_ = (int)(call); \
	(void)status_; \
	look(#call, NULL, NULL); \
} while (0)

#define TRY_IDENTITY(call) do { \
	tlsmith_identity *made_ = (call); \
	look(#call, NULL, NULL); \
	tlsmith_identity_free(made_); \
} while (0)

#define TRY_CSR(call) do { \
	tlsmith_csr *made_ = (call); \
	look(#call, NULL, NULL); \
	tlsmith_csr_free(made_); \
} while (0)

#define TRY_CRL(call) do { \
	tlsmith_crl *made_ = (call); \
	look(#call, NULL, NULL); \
	tlsmith_crl_free(made_); \
} while (0)

/* A setter, and a connection that fails for its sake. */
#define TRY_CTX(call) do { \
	tlsmith_ctx *ctx = tlsmith_ctx_new(); \
	tlsmith_conn *conn = tlsmith_conn_new(ctx); \
	tlsmith_ctx_use(ctx, site); \
	int status_ = (call); \
	look(#call, ctx, NULL); \
	status_ = tlsmith_connect_mem(conn, "localhost"); \
	status_ = tlsmith_handshake(conn); \
	(void)status_; \
	look(#call, ctx, conn); \
	tlsmith_conn_free(conn); \
	tlsmith_ctx_free(ctx); \
} while (0)

#define TRY_CONN(call) do { \
	tlsmith_ctx *ctx = tlsmith_ctx_new(); \
	tlsmith_conn *conn = tlsmith_conn_new(ctx); \
	int status_ = (call); \
	(void)status_; \
	look(#call, ctx, conn); \
	tlsmith_conn_free(conn); \
	tlsmith_ctx_free(ctx); \
} while (0)

static tlsmith_identity *site, *constrained;
static tlsmith_csr *request;
static tlsmith_crl *crl;

/* ---- Calls ---- */

static ptrdiff_t answer(void *userdata, char *buf, size_t size)
{
	const shape *given = userdata;
	size_t length = given->length < size ? given->length : size;

	memcpy(buf, given->data, length);
	return (ptrdiff_t)length;
}

static ptrdiff_t no_signature(void *userdata, uint16_t scheme, const void *data, size_t len,
    void *sig, size_t sig_max)
{
	(void)userdata, (void)scheme, (void)data, (void)len, (void)sig, (void)sig_max;
	return -1;
}

/* All that loads something: from memory, and from a file. */
static void load(const shape *given)
{
	const char *cert = tlsmith_identity_cert_pem(site), *file = "content";
	const void *data = given->data;
	size_t length = given->length, cert_length = strlen(cert);
	tlsmith_load_options asks = TLSMITH_LOAD_OPTIONS_INIT, knows = TLSMITH_LOAD_OPTIONS_INIT;
	FILE *out = fopen(file, "wb");

	fwrite(data, 1, length, out);
	fclose(out);
	asks.ask_password = answer;
	asks.userdata = (void *)given;
	knows.password = given->data;
	knows.name = given->data;
	TRY_IDENTITY(tlsmith_identity_load(file, NULL, NULL));
	TRY_IDENTITY(tlsmith_identity_load("cert.pem", file, NULL));
	TRY_IDENTITY(load_encrypted(file, NULL, "wrong"));
	TRY_IDENTITY(load_encrypted("cert.pem", file, given->data));
	TRY_IDENTITY(tlsmith_identity_load("cert.pem", file, &asks));
	TRY_IDENTITY(tlsmith_identity_load(file, NULL, &knows));
	TRY_IDENTITY(tlsmith_identity_load_mem(data, length, NULL, 0, NULL));
	TRY_IDENTITY(tlsmith_identity_load_mem(cert, cert_length, data, length, NULL));
	TRY_IDENTITY(tlsmith_identity_load_mem(cert, cert_length, data, length, &asks));
	TRY_IDENTITY(tlsmith_identity_load_mem(data, length, NULL, 0, &knows));
	TRY_IDENTITY(tlsmith_identity_load_chain(file));
	TRY_IDENTITY(tlsmith_identity_load_chain_mem(data, length));
	TRY_IDENTITY(load_encrypted(file, NULL, "wrong"));
	TRY_IDENTITY(load_encrypted(file, NULL, given->data));
	knows.flags = TLSMITH_LOAD_INSECURE_NO_MAC;
	TRY_IDENTITY(tlsmith_identity_load(file, NULL, &knows));
	TRY_IDENTITY(load_encrypted_mem(data, length, "wrong"));
	TRY_IDENTITY(tlsmith_identity_external(data, length, no_signature, NULL));
	TRY_CSR(tlsmith_csr_load(file));
	TRY_CSR(tlsmith_csr_load_mem(data, length));
	TRY_CRL(tlsmith_crl_load(file));
	TRY_CRL(tlsmith_crl_load_mem(data, length));
	TRY_CTX(tlsmith_ctx_add_roots(ctx, file));
	TRY_CTX(tlsmith_ctx_add_roots_mem(ctx, data, length));
	TRY_CTX(tlsmith_ctx_add_crl(ctx, file));
	TRY_CTX(tlsmith_ctx_add_crl_mem(ctx, data, length));
	TRY_CTX(tlsmith_ctx_trust_certificate(ctx, file));
	TRY_CTX(tlsmith_ctx_use_cert(ctx, file, NULL));
	TRY_CTX(tlsmith_ctx_use_cert(ctx, "cert.pem", file));
	TRY_CTX(tlsmith_ctx_set_ocsp(ctx, data, length));
	TRY_CTX(tlsmith_ctx_set_ech(ctx, data, length));
	TRY_CTX(tlsmith_ctx_add_ticket_key(ctx, data, length));
}

static ptrdiff_t no_read(void *userdata, void *buf, size_t len)
{
	(void)userdata, (void)buf, (void)len;
	return -1;
}

static ptrdiff_t no_write(void *userdata, const void *data, size_t len)
{
	(void)userdata, (void)data, (void)len;
	return -1;
}

static void make(const tlsmith_cert_options *options)
{
	TRY_IDENTITY(tlsmith_gen_ca(options));
	TRY_IDENTITY(tlsmith_self_signed("a.example", options));
	TRY_IDENTITY(tlsmith_issue_cert(constrained, "a.example", options));
	TRY_CSR(tlsmith_gen_csr("a.example", options));
	TRY_IDENTITY(tlsmith_sign_csr(constrained, request, options));
}

/* All that takes text, with the key in its place. */
static void misplace(const shape *given)
{
	const char *text = given->data;
	char missing[LONGEST + 16];
	unsigned char out[64];
	tlsmith_cert_options options = TLSMITH_CERT_OPTIONS_INIT;

	snprintf(missing, sizeof missing, "nowhere/%s", text);
	TRY_IDENTITY(tlsmith_identity_load(text, NULL, NULL));
	TRY_IDENTITY(tlsmith_identity_load(missing, NULL, NULL));
	TRY_IDENTITY(tlsmith_identity_load("cert.pem", text, NULL));
	TRY_IDENTITY(load_encrypted(text, text, text));
	TRY_IDENTITY(tlsmith_identity_load("cert.pem", text, NULL));
	TRY_IDENTITY(tlsmith_identity_load_chain(text));
	TRY_IDENTITY(load_encrypted(text, NULL, text));
	TRY_CSR(tlsmith_csr_load(text));
	TRY_CTX(tlsmith_ctx_add_roots(ctx, text));
	TRY_CTX(tlsmith_ctx_add_crl(ctx, text));
	TRY_CTX(tlsmith_ctx_trust_certificate(ctx, text));
	TRY_CTX(tlsmith_ctx_add_pin(ctx, text));
	TRY_CTX(tlsmith_ctx_use_cert(ctx, text, NULL));
	TRY_CTX(tlsmith_ctx_use_cert(ctx, "cert.pem", text));
	TRY_CTX(tlsmith_ctx_set_alpn(ctx, text));
	TRY_CTX(tlsmith_ctx_set_ciphers(ctx, text));
	TRY_CTX(tlsmith_ctx_set_groups(ctx, text));
	TRY_CTX(tlsmith_ctx_set_verify_schemes(ctx, text));
	TRY_CTX(tlsmith_ctx_set_signing_schemes(ctx, text));
	TRY_CTX(tlsmith_ctx_set_keylog(ctx, missing));
	TRY_CTX(tlsmith_ctx_verify(ctx, site, text, NULL, 0));
	TRY_CTX(tlsmith_ctx_verify(ctx, site, text, "server", 0));
	TRY_CTX(tlsmith_ctx_verify(ctx, site, NULL, text, 0));
	TRY_CONN(tlsmith_connect(conn, "127.0.0.1", text));
	TRY_CONN(tlsmith_connect_fd(conn, 0, text));
	TRY_CONN(tlsmith_connect_fds(conn, 0, 0, text));
	TRY_CONN(tlsmith_connect_io(conn, no_read, no_write, NULL, text));
	TRY_CONN(tlsmith_connect_mem(conn, text));
	TRY_CONN(tlsmith_conn_set_alpn(conn, text));
	TRY_CONN(tlsmith_conn_set_server_name(conn, text));
	TRY_CONN(tlsmith_conn_channel_binding(conn, text, out, sizeof out));
	TRY(tlsmith_listen("127.0.0.1", text));
	TRY(tlsmith_identity_save(site, missing, missing, NULL));
	TRY(tlsmith_identity_save(site, missing, "./key.pem", NULL));
	TRY(tlsmith_csr_save(request, missing, missing, NULL));
	look("tlsmith_gen_crl", NULL, NULL);
	TRY_CRL(tlsmith_gen_crl(constrained, text, 0));
	TRY_CRL(tlsmith_crl_load(text));
	TRY(tlsmith_crl_save(crl, missing));
	TRY(tlsmith_cert_matches(tlsmith_identity_cert(site, 0), text));
	TRY(tlsmith_digest(text, text, given->length, out, 1));
	TRY_IDENTITY(tlsmith_self_signed(text, NULL));
	TRY_IDENTITY(tlsmith_issue_cert(constrained, text, NULL));
	TRY_CSR(tlsmith_gen_csr(text, NULL));
	for (int field = 0; field < 9; field++) {
		const char **fields[] = { &options.common_name, &options.subject, &options.key_type,
			&options.permitted_names, &options.excluded_names, &options.crl_url,
			&options.ocsp_url, &options.serial, &options.extensions };
		*fields[field] = text;
		options.flags = field == 3 || field == 4 ? TLSMITH_CERT_CA : 0;
		make(&options);
		*fields[field] = NULL;
	}
}

/* The same for what hashes a password first, which takes a while, or asks for a name. */
static void misplace_slowly(const shape *given)
{
	const char *text = given->data;
	char missing[LONGEST + 16];

	snprintf(missing, sizeof missing, "nowhere/%s", text);
	TRY_CONN(tlsmith_connect(conn, text, "443"));
	TRY(tlsmith_listen(text, "0"));
	TRY(tlsmith_identity_save(site, missing, missing, text));
	TRY(tlsmith_identity_save_p12(site, missing, text, text, 0));
	TRY(tlsmith_identity_save_p12(site, missing, text, text, TLSMITH_P12_LEGACY));
	TRY(tlsmith_csr_save(request, missing, missing, text));
	TRY_IDENTITY(load_encrypted("store.p12", NULL, text));
	TRY_IDENTITY(load_encrypted("cert.pem", "encrypted.pem", text));
}

/* ---- A connection with the key ---- */

static void carry(tlsmith_conn *from, tlsmith_conn *to)
{
	const void *data;
	ptrdiff_t count;

	while ((count = tlsmith_drain_borrowed(from, &data)) > 0)
		tlsmith_feed(to, data, (size_t)count);
}

static void connection_reveals_no_part_of_its_key(void)
{
	tlsmith_ctx *near = tlsmith_ctx_new(), *far = tlsmith_ctx_new();
	tlsmith_conn *client = tlsmith_conn_new(near), *server = tlsmith_conn_new(far);
	unsigned char out[32];

	what = "a connection";
	tlsmith_ctx_use(near, site);
	tlsmith_ctx_use(far, site);
	tlsmith_ctx_add_roots(near, "cert.pem");
	tlsmith_ctx_add_roots(far, "cert.pem");
	tlsmith_ctx_set_client_auth(far, TLSMITH_CLIENT_AUTH_REQUIRED);
	tlsmith_connect_mem(client, "localhost");
	tlsmith_accept_mem(server);
	for (int i = 0; i < 8; i++) {
		TRY(tlsmith_handshake(client));
		carry(client, server);
		TRY(tlsmith_handshake(server));
		carry(server, client);
	}
	CHECK(tlsmith_conn_version(client) != 0 && tlsmith_conn_version(server) != 0);
	TRY(tlsmith_conn_export(client, (const char *)shapes[0].data, NULL, 0, out, 0));
	look("the client", near, client);
	look("the server", far, server);
	check_text_for_key("its certificate", tlsmith_cert_text(tlsmith_identity_cert(site, 0)));
	tlsmith_conn_free(client);
	tlsmith_conn_free(server);
	tlsmith_ctx_free(near);
	tlsmith_ctx_free(far);
}

/* ---- The whole ---- */

/* The DER of a key in PEM, and its secret part, which is the last or follows a version. */
static void find_secret(const char *pem)
{
	decoded all;
	const unsigned char mark[] = { 2, 1, 1, 4, 32 };
	char body[LONGEST];
	unsigned char *place;

	strcpy(body, strchr(pem, '\n') + 1);
	*strstr(body, "-----END") = '\0';
	strcpy(body, with_ends(body, ""));
	body[strcspn(body, "=")] = '\0';
	all = from_base64(body, 0);
	der_length = all.length;
	if (der_length > 200)
		abort();
	memcpy(der, all.data, der_length);
	free(all.data);
	place = memmem(der, der_length, mark, sizeof mark);
	memcpy(secret, place ? place + sizeof mark : der + der_length - 32, 32);
}

static void try_key(const char *kind, size_t step)
{
	tlsmith_cert_options options = TLSMITH_CERT_OPTIONS_INIT;

	options.key_type = kind;
	options.usage = TLSMITH_USAGE_SERVER | TLSMITH_USAGE_CLIENT;
	site = tlsmith_self_signed("localhost", &options);
	find_secret(tlsmith_identity_key_pem(site));
	CHECK(key_material_in(tlsmith_identity_key_pem(site), secret, sizeof secret) != NULL);
	CHECK(tlsmith_identity_save(site, "cert.pem", NULL, NULL) == 0);
	if (step < 10) {
		CHECK(tlsmith_identity_save(site, NULL, "encrypted.pem", "x") == 0);
		CHECK(tlsmith_identity_save_p12(site, "store.p12", NULL, "x", 0) == 0);
	}
	fill_shapes(tlsmith_identity_key_pem(site));
	for (size_t i = 0; i < shape_count; i += step) {
		what = shapes[i].what;
		load(&shapes[i]);
		misplace(&shapes[i]);
		if (i % 10 == 0 && step < 10)
			misplace_slowly(&shapes[i]);
	}
	connection_reveals_no_part_of_its_key();
	tlsmith_identity_free(site);
}

/* Every encoding is found, and other text is not. */
static void the_finder_finds(void)
{
	const unsigned char bytes[12] = "\x83\xff\x2b\x01zk\xc3\x99\x10\x5c\x27\xee";
	const char *formats[] = { "%02x", "%02X", "%02x:", "%02X ", "\\x%02x", "%%%02X", "\\%02x",
		"%d, ", "0x%02x, ", "\\u{%x}" };
	char text[256];

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		for (size_t start = 0; start <= sizeof bytes - PART; start++) {
			to_hex(bytes + start, PART, formats[i], text);
			CHECK(key_material_in(text, bytes, sizeof bytes) != NULL);
			to_hex(bytes + start, PART - 1, formats[i], text);
			CHECK(key_material_in(text, bytes, sizeof bytes) == NULL);
		}
	for (size_t before = 0; before < 3; before++) {
		unsigned char padded[16] = { 0 };
		memcpy(padded + before, bytes + 1, PART);
		to_base64(padded, before + PART + 1, text);
		CHECK(key_material_in(text, bytes, sizeof bytes) != NULL);
	}
	CHECK(key_material_in("cannot read '/etc/ssl/cert.pem': No such file", bytes, 12) == NULL);
}

int main(int argc, char **argv)
{
	size_t step = argc > 1 ? (size_t)atoi(argv[1]) : 1, count;
	tlsmith_cert_options limits = TLSMITH_CERT_OPTIONS_INIT;
	static char said[1 << 16];
	int kept = dup(2), captured = open("captured", O_RDWR | O_CREAT | O_TRUNC, 0600);

	the_finder_finds();
	report = fdopen(kept, "w");
	dup2(captured, 2);
	tlsmith_set_log(5, note, NULL);
	limits.permitted_names = "a.example";
	constrained = tlsmith_gen_ca(&limits);
	request = tlsmith_gen_csr("a.example", NULL);
	crl = tlsmith_gen_crl(constrained, NULL, 0);
	try_key("ed25519", step);
	try_key("ecdsa-p256", step);
	tlsmith_set_log(0, NULL, NULL);
	fflush(stderr);
	count = (size_t)pread(captured, said, sizeof said - 1, 0);
	said[count] = '\0';
	/* Only this program writes there: CHECK(), whose output belongs to those who read. */
	fputs(said, report);
	what = "the standard error";
	check_text_for_key(what, said);
	fprintf(report, failures ? "%ld texts looked at, %d failures\n" : "", looked_at, failures);
	tlsmith_identity_free(constrained);
	tlsmith_csr_free(request);
	tlsmith_crl_free(crl);
	if (looked_at < 1000)
		return 1;
	return failures != 0 || count != 0;
}
