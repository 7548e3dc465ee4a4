/* Exact facts: names, channel bindings, CRLs, lists; and the small helpers. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "memory.h"

/* NULL as the compiler cannot see it: where it can, it refuses to build. */
static void *volatile nothing;
/* Room that the compiler does not know the size of. */
static char room[128];
static void *volatile out = room;
static volatile size_t absurd = (size_t)-1;

static const tlsmith_cert *leaf(const tlsmith_identity *id)
{
	return tlsmith_identity_cert(id, 0);
}

static void run(const char *command)
{
	char whole[1024];

	snprintf(whole, sizeof whole, "{ %s ; } >output 2>&1 || { cat output >&2; exit 1; }",
	    command);
	CHECK(system(whole) == 0);
}

/* A certificate with these alternative names, made by OpenSSL. */
static tlsmith_identity *with_names(const char *subject, const char *names)
{
	char command[1024];
	tlsmith_identity *id;

	snprintf(command, sizeof command, "openssl req -x509 -newkey ed25519 -noenc -keyout k.pem "
	    "-out c.pem -subj '%s' -addext 'subjectAltName=%s'", subject, names);
	run(command);
	id = tlsmith_identity_load_chain("c.pem");
	CHECK(id != NULL);
	return id;
}

struct expected { int type; const char *text; };

/* The names at each index, and NULL from the end on. */
static void check_names(const tlsmith_cert *cert, const tlsmith_csr *csr,
    const struct expected *expected)
{
	size_t i;

	for (i = 0; expected[i].text != NULL; i++) {
		tlsmith_name_type type = 99;
		const char *text = cert ? tlsmith_cert_name(cert, i, &type)
		    : tlsmith_csr_name(csr, i, &type);
		CHECK_TEXT(text, expected[i].text);
		CHECK((int)type == expected[i].type);
		/* The type need not be asked for, and the text stays where it is. */
		CHECK((cert ? tlsmith_cert_name(cert, i, NULL) : tlsmith_csr_name(csr, i, NULL)) == text);
	}
	for (size_t past = i; past < i + 2; past++) {
		tlsmith_name_type type = TLSMITH_NAME_DNS;
		CHECK((cert ? tlsmith_cert_name(cert, past, &type)
		    : tlsmith_csr_name(csr, past, &type)) == NULL);
		CHECK(type == TLSMITH_NAME_OTHER);
	}
	CHECK((cert ? tlsmith_cert_name(cert, SIZE_MAX, NULL)
	    : tlsmith_csr_name(csr, SIZE_MAX, NULL)) == NULL);
}

static void names_have_types(void)
{
	static const char all[] = "DNS:*.a.example,IP:192.0.2.7,IP:2001:db8::1,email:alice@a.example,"
	    "URI:https://a.example/x,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@corp,RID:1.2.3,"
	    "otherName:1.2.3.4;UTF8:x";
	static const struct expected expected[] = {
		{ TLSMITH_NAME_DNS, "*.a.example" },
		{ TLSMITH_NAME_IP, "192.0.2.7" },
		{ TLSMITH_NAME_IP, "2001:db8::1" },
		{ TLSMITH_NAME_EMAIL, "alice@a.example" },
		{ TLSMITH_NAME_URI, "https://a.example/x" },
		{ TLSMITH_NAME_UPN, "alice@corp" },
		{ TLSMITH_NAME_REGISTERED_ID, "1.2.3" },
		{ TLSMITH_NAME_OTHER, "other name 1.2.3.4 x" },
		{ 0, NULL },
	};
	static const struct expected none[] = { { 0, NULL } };
	tlsmith_identity *id = with_names("/CN=a", all);
	tlsmith_csr *csr;
	char command[1024];

	check_names(leaf(id), NULL, expected);
	tlsmith_identity_free(id);
	snprintf(command, sizeof command, "openssl req -new -newkey ed25519 -noenc -keyout k.pem "
	    "-out r.pem -subj /CN=a -addext 'subjectAltName=%s'", all);
	run(command);
	csr = tlsmith_csr_load("r.pem");
	check_names(NULL, csr, expected);
	tlsmith_csr_free(csr);
	check_names(leaf(ca), NULL, none);
	check_names(NULL, NULL, none);
}

static void unusual_names_are_escaped(void)
{
	/* DNS a.example NUL .evil, DNS "a,b", URI with a blank, IP of 3 bytes, DNS a\b,
	 * a directory name with a comma, a broken one, an otherName without a value. */
	static const char odd[] = "DER:3045"
	    "820f612e6578616d706c65002e6576696c"
	    "8203612c62"
	    "86056120623a63"
	    "87037f0001"
	    "8203615c62"
	    "a411300f310d300b06035504030c04612c6200"
	    "a4020500"
	    "a00506032a0304";
	static const struct expected expected[] = {
		{ TLSMITH_NAME_DNS, "a.example\\00.evil" },
		{ TLSMITH_NAME_DNS, "a\\2cb" },
		{ TLSMITH_NAME_URI, "a\\20b:c" },
		{ TLSMITH_NAME_OTHER, "IP 7f0001" },
		{ TLSMITH_NAME_DNS, "a\\5cb" },
		{ TLSMITH_NAME_DIRECTORY, "CN=a\\,b\\00" },
		{ TLSMITH_NAME_OTHER, "directory 0500" },
		{ TLSMITH_NAME_OTHER, "other name 06032a0304" },
		{ 0, NULL },
	};
	tlsmith_identity *id = with_names("/CN=one/CN=two", odd);

	check_names(leaf(id), NULL, expected);
	CHECK(!tlsmith_cert_matches(leaf(id), "a.example"));
	CHECK_TEXT(tlsmith_cert_common_name(leaf(id)), "");
	tlsmith_identity_free(id);
}

static void certificate_matches_names_like_a_connection(void)
{
	tlsmith_identity *id = with_names("/CN=only.cn.example", "DNS:*.a.example,IP:192.0.2.7");
	static const struct { const char *host; bool matches; const char *why; } cases[] = {
		{ "www.a.example", true, NULL }, { "WWW.A.example", true, NULL },
		{ "192.0.2.7", true, NULL },
		{ "a.example", false, NULL }, { "x.www.a.example", false, NULL },
		{ "only.cn.example", false, NULL }, { "192.0.2.8", false, NULL },
		{ "", false, "''" }, { "no name", false, "'no name'" }, { "\xff", false, "not UTF-8" },
		{ "www.a.example\n", false, "not a DNS name" }, { NULL, false, "host is NULL" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(tlsmith_cert_matches(leaf(id), cases[i].host) == cases[i].matches);
		if (cases[i].why != NULL)
			CHECK(strstr(tlsmith_last_error(), cases[i].why) != NULL);
	}
	CHECK(!tlsmith_cert_matches(NULL, "www.a.example"));
	CHECK_TEXT(tlsmith_last_error(), "cert is NULL");
	CHECK_TEXT(tlsmith_cert_common_name(leaf(id)), "only.cn.example");
	CHECK_TEXT(tlsmith_cert_common_name(NULL), "");
	tlsmith_identity_free(id);
}

static void spki_is_der(void)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[32];
	char shown[65] = "";
	const uint8_t *spki;
	size_t len = 0;

	spki = tlsmith_cert_spki(leaf(localhost), &len);
	CHECK(spki != NULL && len == 91 && spki[0] == 0x30);
	CHECK(tlsmith_cert_spki(leaf(localhost), NULL) == spki);
	CHECK(tlsmith_digest("sha256", spki, len, digest, sizeof digest) == 32);
	for (int i = 0; i < 32; i++) {
		shown[2 * i] = hex[digest[i] >> 4];
		shown[2 * i + 1] = hex[digest[i] & 15];
	}
	CHECK_TEXT(shown, tlsmith_cert_spki_sha256(leaf(localhost)));
	CHECK(tlsmith_cert_spki(NULL, &len) == NULL && len == 0);
}

static void channel_bindings_are_the_same_on_both_sides(void)
{
	static const char *const types[] = { "tls-exporter", "tls-server-end-point" };
	static const int versions[] = { TLSMITH_TLS1_2, TLSMITH_TLS1_3 };
	struct pair p;
	char theirs[64], digest[32];
	const uint8_t *der;
	size_t len;

	for (int i = 0; i < 4; i++) {
		const char *type = types[i / 2];
		prepare(&p);
		tlsmith_ctx_set_versions(p.client_ctx, versions[i % 2], versions[i % 2]);
		connect_only(&p, "localhost");
		CHECK_FAILS(tlsmith_conn_channel_binding(p.client, type, out, 64), TLSMITH_ERR_STATE,
		    tlsmith_conn_error(p.client), "handshake is complete");
		CHECK(shake(&p) == 0);
		CHECK(tlsmith_conn_channel_binding(p.client, type, out, 64) == 32);
		CHECK(tlsmith_conn_channel_binding(p.server, type, theirs, sizeof theirs) == 32);
		CHECK(memcmp(room, theirs, 32) == 0);
		der = tlsmith_cert_der(leaf(localhost), &len);
		CHECK(tlsmith_digest("sha256", der, len, digest, sizeof digest) == 32);
		CHECK((memcmp(room, digest, 32) == 0) == (i / 2 == 1));
		/* Exactly enough is enough. */
		CHECK(tlsmith_conn_channel_binding(p.client, type, out, 32) == 32);
		stop(&p);
	}
	prepare(&p);
	CHECK(meet(&p, "localhost") == 0);
	static const struct { const char *type; size_t len; int code; const char *part; } bad[] = {
		{ NULL, 64, TLSMITH_ERR_ARG, "type is NULL" },
		{ "", 64, TLSMITH_ERR_ARG, "''" },
		{ "tls-unique", 64, TLSMITH_ERR_ARG, "use tls-exporter or tls-server-end-point" },
		{ "TLS-Exporter", 64, TLSMITH_ERR_ARG, "'TLS-Exporter'" },
		{ "\xff", 64, TLSMITH_ERR_ARG, "not UTF-8" },
		{ "tls-exporter", 31, TLSMITH_ERR_ARG, "room for 31 bytes, but 32 are needed" },
		{ "tls-server-end-point", 0, TLSMITH_ERR_ARG, "room for 0 bytes" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_FAILS(tlsmith_conn_channel_binding(p.client, bad[i].type, out, bad[i].len),
		    bad[i].code, tlsmith_conn_error(p.client), bad[i].part);
	CHECK_FAILS(tlsmith_conn_channel_binding(p.client, "tls-exporter", nothing, 64),
	    TLSMITH_ERR_ARG, tlsmith_conn_error(p.client), "out is NULL");
	CHECK_FAILS(tlsmith_conn_channel_binding(NULL, "tls-exporter", out, 64), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "conn is NULL");
	stop(&p);
	prepare(&p);
	p.client = tlsmith_conn_new(p.client_ctx);
	CHECK_FAILS(tlsmith_conn_channel_binding(p.client, "tls-exporter", out, 64),
	    TLSMITH_ERR_STATE, tlsmith_conn_error(p.client), "not connected yet");
	stop(&p);
}

static void crls_are_handles(void)
{
	static char pem[4096];
	tlsmith_crl *crl = tlsmith_gen_crl(ca, "0a1b,0c2d=keyCompromise", 7), *same;
	const uint8_t *der;
	size_t len = 0;

	CHECK(strncmp(tlsmith_crl_pem(crl), "-----BEGIN X509 CRL-----\n", 25) == 0);
	CHECK(strstr(tlsmith_crl_text(crl), "keyCompromise") != NULL);
	der = tlsmith_crl_der(crl, &len);
	CHECK(der != NULL && len > 100 && der[0] == 0x30);
	same = tlsmith_crl_load_mem(der, len);
	CHECK_TEXT(tlsmith_crl_pem(same), tlsmith_crl_pem(crl));
	tlsmith_crl_free(same);
	CHECK(tlsmith_crl_save(crl, "list.pem") == 0);
	same = tlsmith_crl_load("list.pem");
	CHECK_TEXT(tlsmith_crl_pem(same), tlsmith_crl_pem(crl));
	tlsmith_crl_free(same);
	/* Of several, the first. */
	same = tlsmith_gen_crl(ca, NULL, 0);
	snprintf(pem, sizeof pem, "%s%s", tlsmith_crl_pem(crl), tlsmith_crl_pem(same));
	tlsmith_crl_free(same);
	same = tlsmith_crl_load_mem(pem, strlen(pem));
	CHECK_TEXT(tlsmith_crl_pem(same), tlsmith_crl_pem(crl));
	tlsmith_crl_free(same);
	run("openssl crl -in list.pem -noout -text && grep -q 'Key Compromise' output");

	CHECK_NONE(tlsmith_crl_load(NULL), TLSMITH_ERR_ARG, "file is NULL");
	CHECK_NONE(tlsmith_crl_load(""), TLSMITH_ERR_FILE, "''");
	CHECK_NONE(tlsmith_crl_load("missing.crl"), TLSMITH_ERR_FILE, "missing.crl");
	CHECK_NONE(tlsmith_crl_load("k.pem"), TLSMITH_ERR_PARSE, "CRL");
	CHECK_NONE(tlsmith_crl_load_mem(nothing, 1), TLSMITH_ERR_ARG, "pem is NULL");
	CHECK_NONE(tlsmith_crl_load_mem("", 0), TLSMITH_ERR_PARSE, "0 bytes");
	CHECK_NONE(tlsmith_crl_load_mem(der, len - 1), TLSMITH_ERR_PARSE, "CRL");
	CHECK_FAILS(tlsmith_crl_save(NULL, "f"), TLSMITH_ERR_ARG, tlsmith_last_error(), "crl is NULL");
	CHECK_FAILS(tlsmith_crl_save(crl, NULL), TLSMITH_ERR_ARG, tlsmith_last_error(), "file is NULL");
	CHECK_FAILS(tlsmith_crl_save(crl, "no/such/folder"), TLSMITH_ERR_FILE, tlsmith_last_error(),
	    "no/such/folder");
	CHECK_TEXT(tlsmith_crl_pem(NULL), "");
	CHECK_TEXT(tlsmith_crl_text(NULL), "");
	CHECK(tlsmith_crl_der(NULL, &len) == NULL && len == 0);
	CHECK(tlsmith_crl_der(NULL, NULL) == NULL);
	tlsmith_crl_free(NULL);
	tlsmith_crl_free(crl);
}

static long resident(void)
{
	long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &pages) == 2);
	if (file != NULL)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static void crls_do_not_stay_with_their_ca(void)
{
	char serials[1024] = "";
	size_t length = 0;
	long before = 0;

	for (int i = 0; i < 50; i++)
		strcat(serials, i == 0 ? "0a1b=superseded" : ",0a1b=superseded");
	for (int i = 0; i <= 400; i++) {
		tlsmith_crl *crl = tlsmith_gen_crl(ca, serials, 7);
		length += strlen(tlsmith_crl_pem(crl));
		tlsmith_crl_free(crl);
		if (i == 100) {
			before = resident();
			length = 0;
		}
	}
	/* A sanitizer and valgrind keep some of what is freed, and find leaks themselves. */
	const char *preloaded = getenv("LD_PRELOAD");
	CHECK(length > 1 << 19);
	CHECK(getenv("ASAN_OPTIONS") != NULL || (preloaded != NULL && strstr(preloaded, "vgpreload"))
	    || resident() - before < 1 << 18);
}

static void lists_end_and_are_accepted(void)
{
	static const struct {
		const char *(*name)(size_t);
		int (*set)(tlsmith_ctx *, const char *);
		const char *known;
	} lists[] = {
		{ tlsmith_cipher_name, tlsmith_ctx_set_ciphers, "TLS_AES_128_GCM_SHA256" },
		{ tlsmith_group_name, tlsmith_ctx_set_groups, "X25519MLKEM768" },
		{ tlsmith_scheme_name, tlsmith_ctx_set_verify_schemes, "ecdsa_secp256r1_sha256" },
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		bool is_known = false;
		size_t count = 0;
		const char *name;
		tlsmith_ctx *ctx = tlsmith_ctx_new();
		for (; (name = lists[i].name(count)) != NULL && count < 100; count++) {
			CHECK(lists[i].set(ctx, name) == 0);
			CHECK(lists[i].name(count) == name);
			is_known |= strcmp(name, lists[i].known) == 0;
		}
		CHECK(count > 5 && count < 100 && is_known);
		CHECK(lists[i].name(count + 1) == NULL && lists[i].name(SIZE_MAX) == NULL);
		tlsmith_ctx_free(ctx);
	}
}

static void cleared_errors_do_no_harm(void)
{
	struct pair p;

	CHECK_FAILS(tlsmith_ctx_clear_error(NULL), TLSMITH_ERR_ARG, tlsmith_last_error(), "ctx is NULL");
	prepare(&p);
	CHECK(tlsmith_ctx_clear_error(p.client_ctx) == 0);
	/* Each fails, and changes nothing: with less of any, the two would not meet. */
	CHECK(tlsmith_ctx_set_groups(p.client_ctx, "x25519,curve9") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_ciphers(p.client_ctx, "TLS_AES_128_GCM_SHA256,RC4-MD5") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_versions(p.client_ctx, TLSMITH_TLS1_3, TLSMITH_TLS1_2) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_set_alpn(p.client_ctx, "h3,,") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_add_pin(p.client_ctx, "00") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_trust_certificate(p.client_ctx, "missing.pem") == TLSMITH_ERR_FILE);
	CHECK(tlsmith_ctx_add_crl_mem(p.client_ctx, "noise", 5) == TLSMITH_ERR_PARSE);
	CHECK(tlsmith_ctx_set_verify(p.client_ctx, NULL, NULL) == TLSMITH_ERR_ARG);
	CHECK(strstr(tlsmith_ctx_error(p.client_ctx), "curve9") != NULL);
	tlsmith_ctx_set_groups(p.server_ctx, "secp384r1");
	CHECK(tlsmith_ctx_use(p.server_ctx, NULL) == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_clear_error(p.client_ctx) == 0 && tlsmith_ctx_clear_error(p.server_ctx) == 0);
	CHECK_TEXT(tlsmith_ctx_error(p.client_ctx), "");
	CHECK(meet(&p, "localhost") == 0);
	CHECK_TEXT(tlsmith_conn_group(p.client), "secp384r1");
	CHECK_TEXT(tlsmith_conn_alpn(p.client), "");
	/* Too late: the context is in use. */
	CHECK_FAILS(tlsmith_ctx_clear_error(p.client_ctx), TLSMITH_ERR_STATE, tlsmith_last_error(),
	    "in use");
	CHECK_TEXT(tlsmith_ctx_error(p.client_ctx), "");
	stop(&p);

	/* A connection that failed for it has sealed the context. */
	prepare(&p);
	CHECK(tlsmith_ctx_set_groups(p.client_ctx, "") == TLSMITH_ERR_ARG);
	p.client = tlsmith_conn_new(p.client_ctx);
	CHECK(tlsmith_connect_mem(p.client, "localhost") == TLSMITH_ERR_ARG);
	CHECK(tlsmith_ctx_clear_error(p.client_ctx) == TLSMITH_ERR_STATE);
	CHECK(tlsmith_ctx_set_groups(p.client_ctx, "x25519") == TLSMITH_ERR_STATE);
	CHECK(strstr(tlsmith_ctx_error(p.client_ctx), "no key exchange group") != NULL
	    || strstr(tlsmith_ctx_error(p.client_ctx), "''") != NULL);
	stop(&p);
}

static void path_len_distinguishes_0_from_default(void)
{
	static const struct { uint32_t path_len, flags; int root, issued; } cases[] = {
		{ 0, 0, -1, 0 }, { 0, TLSMITH_CERT_PATH_LEN, 0, 0 },
		{ 2, 0, 2, 2 }, { 2, TLSMITH_CERT_PATH_LEN, 2, 2 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
		tlsmith_identity *root, *sub;
		opt.path_len = cases[i].path_len;
		opt.flags = cases[i].flags;
		root = tlsmith_gen_ca(&opt);
		CHECK(tlsmith_cert_path_len(leaf(root)) == cases[i].root);
		opt.flags |= TLSMITH_CERT_CA;
		sub = tlsmith_issue_cert(ca, NULL, &opt);
		CHECK(tlsmith_cert_path_len(leaf(sub)) == cases[i].issued);
		if (cases[i].root == 0)
			CHECK_NONE(tlsmith_issue_cert(root, NULL, &opt), TLSMITH_ERR_ISSUE,
			    "path length is 0");
		tlsmith_identity_free(sub);
		tlsmith_identity_free(root);
	}
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	opt.flags = TLSMITH_CERT_PATH_LEN;
	CHECK_NONE(tlsmith_issue_cert(ca, "a.example", &opt), TLSMITH_ERR_ARG, "CA");
	opt.path_len = UINT32_MAX;
	CHECK_NONE(tlsmith_gen_ca(&opt), TLSMITH_ERR_ARG, "4294967295");
}

static void reserved_fields_are_zero(void)
{
	for (size_t i = 0; i < 4; i++) {
		tlsmith_cert_options cert = TLSMITH_CERT_OPTIONS_INIT;
		tlsmith_load_options load = TLSMITH_LOAD_OPTIONS_INIT;
		cert.reserved[i] = load.reserved[i] = "x";
		CHECK_NONE(tlsmith_gen_ca(&cert), TLSMITH_ERR_UNSUPPORTED, "reserved fields of opt");
		CHECK_NONE(tlsmith_gen_csr("a", &cert), TLSMITH_ERR_UNSUPPORTED, "reserved fields of opt");
		CHECK_NONE(tlsmith_identity_load("c.pem", "k.pem", &load), TLSMITH_ERR_UNSUPPORTED,
		    "reserved fields of opt");
		cert.size = offsetof(tlsmith_cert_options, reserved);
		tlsmith_identity *older = tlsmith_gen_ca(&cert);
		CHECK(older != NULL);
		tlsmith_identity_free(older);
	}
}

static void helpers_check_their_arguments(void)
{
	static const struct { const char *name; ptrdiff_t length; const char *start; } known[] = {
		{ "sha256", 32, "\xba\x78\x16\xbf" }, { "sha384", 48, "\xcb\x00\x75\x3f" },
		{ "sha512", 64, "\xdd\xaf\x35\xa1" }, { "SHA256", 32, "\xba\x78\x16\xbf" },
	};
	static const char *const unknown[] = { "", "sha1", "md5", "sha-256", "sha256 ", "\xff" };
	unsigned char zeros[64] = { 0 }, bytes[64] = { 0 };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		memset(room, 0x55, sizeof room);
		CHECK(tlsmith_digest(known[i].name, "abc", 3, out, sizeof room) == known[i].length);
		CHECK(memcmp(room, known[i].start, 4) == 0 && room[known[i].length] == 0x55);
		CHECK_FAILS(tlsmith_digest(known[i].name, "abc", 3, out, known[i].length - 1),
		    TLSMITH_ERR_ARG, tlsmith_last_error(), "are needed");
		CHECK(tlsmith_digest(known[i].name, NULL, 0, out, known[i].length) == known[i].length);
	}
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		CHECK(tlsmith_digest(unknown[i], "abc", 3, out, 64) == TLSMITH_ERR_ARG);
	CHECK_FAILS(tlsmith_digest("sha1", "abc", 3, out, 64), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "sha256, sha384, sha512");
	CHECK_FAILS(tlsmith_digest(NULL, "abc", 3, out, 64), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "algorithm is NULL");
	CHECK_FAILS(tlsmith_digest("sha256", nothing, 3, out, 64), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "data is NULL");
	CHECK_FAILS(tlsmith_digest("sha256", "abc", 3, nothing, 64), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "out is NULL");
	CHECK_FAILS(tlsmith_digest("sha256", out, absurd, out, 64), TLSMITH_ERR_ARG,
	    tlsmith_last_error(), "exceeds the address space");

	CHECK(tlsmith_random(bytes, sizeof bytes) == 0 && memcmp(bytes, zeros, sizeof bytes) != 0);
	CHECK(tlsmith_random(zeros, 32) == 0 && memcmp(bytes, zeros, 32) != 0);
	CHECK(tlsmith_random(NULL, 0) == 0);
	CHECK_FAILS(tlsmith_random(nothing, 1), TLSMITH_ERR_ARG, tlsmith_last_error(), "buf is NULL");
	CHECK_FAILS(tlsmith_random(out, absurd), TLSMITH_ERR_ARG, tlsmith_last_error(),
	    "exceeds the address space");
}

int main(void)
{
	char folder[] = "facts.XXXXXX";

	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return 1;
	begin_all();
	names_have_types();
	unusual_names_are_escaped();
	certificate_matches_names_like_a_connection();
	spki_is_der();
	channel_bindings_are_the_same_on_both_sides();
	crls_are_handles();
	crls_do_not_stay_with_their_ca();
	lists_end_and_are_accepted();
	cleared_errors_do_no_harm();
	path_len_distinguishes_0_from_default();
	reserved_fields_are_zero();
	helpers_check_their_arguments();
	end_all();
	return failures != 0;
}
