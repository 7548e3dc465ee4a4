/* Certificates through the C API alone: made here and read by OpenSSL, made by
 * OpenSSL and read here. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define DAY ((int64_t)86400)

/* A command of the shell that succeeds; what it says is shown where it does not. */
#define CHECK_RUNS(command) check_runs(__FILE__, __LINE__, command)
/* One that does not, and says why. */
#define CHECK_STOPS(command, part) CHECK_RUNS("! " command " && grep -q '" part "' output")

static void check_runs(const char *file, int line, const char *command)
{
	char whole[1024];

	snprintf(whole, sizeof whole, "{ %s ; } >output 2>&1 || { cat output >&2; exit 1; }",
	    command);
	if (system(whole) == 0)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s\n", file, line, command);
}

static bool has_mode(const char *file, mode_t mode)
{
	struct stat st;

	return stat(file, &st) == 0 && (st.st_mode & 0777) == mode;
}

/* The bytes of a file, with a NUL after them. */
static size_t read_file(const char *name, char *bytes, size_t size)
{
	FILE *file = fopen(name, "rb");
	size_t len = file ? fread(bytes, 1, size - 1, file) : 0;

	CHECK(file != NULL && len > 0);
	bytes[len] = 0;
	if (file)
		fclose(file);
	return len;
}

static void write_file(const char *name, const char *bytes, size_t len)
{
	FILE *file = fopen(name, "wb");

	CHECK(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

static const tlsmith_cert *leaf(const tlsmith_identity *id)
{
	return tlsmith_identity_cert(id, 0);
}

/* A root, a request, a certificate for it: for OpenSSL, and signed by OpenSSL. */
static void three_steps(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *ca, *id, *again;
	tlsmith_csr *csr;

	opt.key_type = "ed448";
	csr = tlsmith_gen_csr("localhost", &opt);
	opt.subject = "/CN=ROOT CA";
	opt.days = 3650;
	ca = tlsmith_gen_ca(&opt);
	opt.subject = opt.key_type = NULL;
	opt.flags = TLSMITH_CERT_COPY_EXTENSIONS | TLSMITH_CERT_OUTLIVE_CA;
	id = tlsmith_sign_csr(ca, csr, &opt);
	CHECK(tlsmith_identity_save(ca, "ca_cert.pem", "ca_keypair.pem", NULL) == 0);
	CHECK(tlsmith_csr_save(csr, "server_csr.pem", "server_keypair.pem", NULL) == 0);
	CHECK(tlsmith_identity_save(id, "server_cert.pem", "server_copy.pem", NULL) == 0);
	CHECK(has_mode("server_csr.pem", 0644) && has_mode("server_keypair.pem", 0600));

	CHECK_TEXT(tlsmith_cert_subject(leaf(ca)), "CN=ROOT CA");
	CHECK_TEXT(tlsmith_csr_subject(csr), "CN=localhost");
	CHECK_TEXT(tlsmith_csr_name(csr, 0, NULL), "localhost");
	CHECK_TEXT(tlsmith_csr_key_type(csr), "ed448");
	CHECK(strstr(tlsmith_csr_text(csr), "localhost") != NULL);
	CHECK_TEXT(tlsmith_cert_name(leaf(id), 0, NULL), "localhost");
	CHECK_TEXT(tlsmith_cert_signature_type(leaf(id)), "ed448");
	CHECK_TEXT(tlsmith_cert_extended_key_usage(leaf(id)), "serverAuth");
	CHECK(tlsmith_cert_key_bits(leaf(id)) == 456);
	CHECK(tlsmith_cert_not_after(leaf(id)) - tlsmith_cert_not_before(leaf(id)) == 3650 * DAY);

	CHECK_RUNS("openssl verify -x509_strict -CAfile ca_cert.pem -verify_hostname localhost "
	    "server_cert.pem");
	CHECK_STOPS("openssl verify -x509_strict -CAfile ca_cert.pem -verify_hostname example.org "
	    "server_cert.pem >output 2>&1", "[Hh]ostname mismatch");
	CHECK_RUNS("openssl req -verify -noout -in server_csr.pem && grep -q 'verify OK' output");
	CHECK_RUNS("cmp server_keypair.pem server_copy.pem");
	CHECK_RUNS("openssl pkey -in server_keypair.pem -pubout >from_key.pem && "
	    "openssl x509 -in server_cert.pem -pubkey -noout | cmp - from_key.pem");
	CHECK_RUNS("openssl x509 -req -in server_csr.pem -copy_extensions copyall -CA ca_cert.pem "
	    "-CAkey ca_keypair.pem -days 3650 -out theirs.pem && "
	    "openssl verify -x509_strict -CAfile ca_cert.pem theirs.pem");
	again = tlsmith_identity_load("theirs.pem", "server_keypair.pem", NULL);
	CHECK_TEXT(tlsmith_identity_key_pem(again), tlsmith_identity_key_pem(id));
	CHECK_TEXT(tlsmith_cert_name(leaf(again), 0, NULL), "localhost");

	/* Without the flag it cannot end after its CA. */
	opt.flags = 0;
	opt.days = 3651;
	CHECK_NONE(tlsmith_sign_csr(ca, csr, &opt), TLSMITH_ERR_ISSUE, "ROOT CA");
	tlsmith_identity_free(again);
	tlsmith_identity_free(id);
	tlsmith_identity_free(ca);
	tlsmith_csr_free(csr);
}

static void other_names_of_requests_are_signed_only_with_the_flag(tlsmith_identity *ca)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *id;
	tlsmith_csr *csr;

	CHECK_RUNS("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc "
	    "-keyout upn.key -out upn.csr -subj /CN=a -addext 'subjectAltName=DNS:a.example,"
	    "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin@corp,RID:1.2.3'");
	csr = tlsmith_csr_load("upn.csr");
	CHECK_TEXT(tlsmith_csr_name(csr, 0, NULL), "a.example");
	CHECK_TEXT(tlsmith_csr_name(csr, 1, NULL), "admin@corp");
	CHECK_NONE(tlsmith_sign_csr(ca, csr, NULL), TLSMITH_ERR_ISSUE, "admin@corp");
	opt.flags = TLSMITH_CERT_ALLOW_OTHER_NAMES;
	id = tlsmith_sign_csr(ca, csr, &opt);
	CHECK_TEXT(tlsmith_cert_name(leaf(id), 0, NULL), "a.example");
	CHECK(tlsmith_identity_save(id, "upn.pem", NULL, NULL) == 0);
	CHECK_RUNS("openssl x509 -in upn.pem -noout -ext subjectAltName && grep -q 'Registered ID' "
	    "output");
	tlsmith_identity_free(id);
	tlsmith_csr_free(csr);
}

static void requests_of_openssl_are_signed(tlsmith_identity *ca)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	static char pem[8192];
	tlsmith_identity *plain, *copied, *renamed;
	tlsmith_csr *csr, *same;
	size_t len;

	CHECK_RUNS("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -noenc "
	    "-keyout alice.key -out alice.csr -subj '/O=Example/CN=alice' "
	    "-addext 'subjectAltName=DNS:alice.example,IP:192.0.2.7' "
	    "-addext 'extendedKeyUsage=clientAuth'");
	csr = tlsmith_csr_load("alice.csr");
	CHECK_TEXT(tlsmith_csr_subject(csr), "CN=alice,O=Example");
	CHECK_TEXT(tlsmith_csr_name(csr, 0, NULL), "alice.example");
	CHECK_TEXT(tlsmith_csr_name(csr, 1, NULL), "192.0.2.7");
	CHECK_TEXT(tlsmith_csr_key_type(csr), "ecdsa-p384");
	len = read_file("alice.csr", pem, sizeof pem);
	same = tlsmith_csr_load_mem(pem, len);
	CHECK_TEXT(tlsmith_csr_pem(same), pem);
	CHECK_FAILS(tlsmith_csr_save(csr, NULL, "alice.copy", NULL), TLSMITH_ERR_STATE,
	    tlsmith_last_error(), "no private key to save");

	plain = tlsmith_sign_csr(ca, csr, NULL);
	CHECK_TEXT(tlsmith_cert_subject(leaf(plain)), "CN=alice,O=Example");
	CHECK_TEXT(tlsmith_cert_name(leaf(plain), 0, NULL), "alice.example");
	CHECK_TEXT(tlsmith_cert_name(leaf(plain), 1, NULL), "192.0.2.7");
	CHECK_TEXT(tlsmith_cert_extended_key_usage(leaf(plain)), "serverAuth");
	CHECK_TEXT(tlsmith_identity_key_pem(plain), "");
	CHECK_FAILS(tlsmith_identity_save_p12(plain, "alice.p12", NULL, "p", 0), TLSMITH_ERR_STATE,
	    tlsmith_last_error(), "no private key to save");
	opt.flags = TLSMITH_CERT_COPY_EXTENSIONS;
	copied = tlsmith_sign_csr(ca, csr, &opt);
	CHECK_TEXT(tlsmith_cert_extended_key_usage(leaf(copied)), "clientAuth");
	opt.common_name = "bob";
	renamed = tlsmith_sign_csr(ca, csr, &opt);
	CHECK_TEXT(tlsmith_cert_subject(leaf(renamed)), "CN=bob");

	/* The last byte of the signature is another one. */
	CHECK_RUNS("openssl req -in alice.csr -outform DER -out alice.der");
	len = read_file("alice.der", pem, sizeof pem);
	pem[len - 1] ^= 1;
	write_file("alice.der", pem, len);
	CHECK_RUNS("{ echo '-----BEGIN CERTIFICATE REQUEST-----'; openssl base64 -in alice.der; "
	    "echo '-----END CERTIFICATE REQUEST-----'; } >forged.csr");
	CHECK_NONE(tlsmith_csr_load("forged.csr"), TLSMITH_ERR_PARSE, "own signature is wrong");
	tlsmith_identity_free(plain);
	tlsmith_identity_free(copied);
	tlsmith_identity_free(renamed);
	tlsmith_csr_free(csr);
	tlsmith_csr_free(same);
}

static void a_request_to_be_a_ca_needs_consent(tlsmith_identity *ca)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *sub;
	tlsmith_csr *csr;

	opt.common_name = "Sub CA";
	opt.flags = TLSMITH_CERT_CA;
	csr = tlsmith_gen_csr(NULL, &opt);
	opt.common_name = NULL;
	opt.flags = TLSMITH_CERT_COPY_EXTENSIONS;
	CHECK_NONE(tlsmith_sign_csr(ca, csr, NULL), TLSMITH_ERR_ISSUE, "asks to be a CA");
	CHECK_NONE(tlsmith_sign_csr(ca, csr, &opt), TLSMITH_ERR_ISSUE, "asks to be a CA");
	opt.flags = TLSMITH_CERT_CA;
	sub = tlsmith_sign_csr(ca, csr, &opt);
	CHECK(tlsmith_cert_is_ca(leaf(sub)) && tlsmith_cert_path_len(leaf(sub)) == 0);
	CHECK_TEXT(tlsmith_cert_key_usage(leaf(sub)), "keyCertSign,cRLSign");
	tlsmith_identity_free(sub);
	tlsmith_csr_free(csr);
}

static void keys_are_kept_under_passwords(tlsmith_identity *id, tlsmith_csr *csr)
{
	static char p12[16384];
	tlsmith_identity *again;

	CHECK(tlsmith_identity_save(id, "id.pem", "id.key", "secret \xc3\xa9") == 0);
	CHECK(has_mode("id.pem", 0644) && has_mode("id.key", 0600));
	CHECK_RUNS("grep -q 'BEGIN ENCRYPTED PRIVATE KEY' id.key");
	CHECK_RUNS("openssl pkey -in id.key -passin 'pass:secret \xc3\xa9' -noout");
	/* Which error OpenSSL has depends on the key: one wrong password in 256 leaves a padding. */
	CHECK_RUNS("! openssl pkey -in id.key -passin pass:other -noout 2>/dev/null");
	again = load_encrypted("id.pem", "id.key", "secret \xc3\xa9");
	CHECK_TEXT(tlsmith_identity_key_pem(again), tlsmith_identity_key_pem(id));
	CHECK_TEXT(tlsmith_identity_cert_pem(again), tlsmith_identity_cert_pem(id));
	CHECK_NONE(load_encrypted("id.pem", "id.key", "other"), TLSMITH_ERR_ARG,
	    "does not open the private key");
	CHECK_NONE(tlsmith_identity_load("id.pem", "id.key", NULL), TLSMITH_ERR_ARG,
	    "give its password");
	tlsmith_identity_free(again);
	CHECK(tlsmith_csr_save(csr, "csr.pem", "csr.key", "secret") == 0);
	CHECK(has_mode("csr.pem", 0644) && has_mode("csr.key", 0600));
	CHECK_RUNS("grep -q 'BEGIN ENCRYPTED PRIVATE KEY' csr.key");
	CHECK_RUNS("openssl pkey -in csr.key -passin pass:secret -pubout >csr.pub && "
	    "openssl req -in csr.pem -pubkey -noout | cmp - csr.pub");

	CHECK(tlsmith_identity_save_p12(id, "id.p12", NULL, "secret", 0) == 0);
	CHECK(has_mode("id.p12", 0600));
	CHECK_RUNS("openssl pkcs12 -in id.p12 -passin pass:secret -noenc && "
	    "grep -q 'friendlyName: localhost' output && grep -q 'BEGIN PRIVATE KEY' output");
	CHECK_STOPS("openssl pkcs12 -in id.p12 -passin pass:other -noenc >output 2>&1",
	    "invalid password");
	again = load_encrypted("id.p12", NULL, "secret");
	CHECK_TEXT(tlsmith_identity_key_pem(again), tlsmith_identity_key_pem(id));
	CHECK_TEXT(tlsmith_identity_cert_pem(again), tlsmith_identity_cert_pem(id));
	tlsmith_identity_free(again);
	CHECK_NONE(load_encrypted("id.p12", NULL, "other"), TLSMITH_ERR_ARG,
	    "does not open the PKCS#12 file");
	CHECK(tlsmith_identity_save_p12(id, "old.p12", "our site", "secret", TLSMITH_P12_LEGACY) == 0);
	CHECK(has_mode("old.p12", 0600));
	CHECK_RUNS("openssl pkcs12 -legacy -in old.p12 -passin pass:secret -noenc -info 2>&1 | "
	    "grep -q 'pbeWithSHA1And3-KeyTripleDES-CBC'");
	again = load_encrypted("old.p12", NULL, "secret");
	CHECK_TEXT(tlsmith_identity_cert_pem(again), tlsmith_identity_cert_pem(id));
	tlsmith_identity_free(again);
	CHECK(tlsmith_identity_save_p12(id, "named.p12", "our site", "secret", 0) == 0);
	CHECK_RUNS("openssl pkcs12 -in named.p12 -passin pass:secret -noenc | "
	    "grep -q 'friendlyName: our site'");
	CHECK_RUNS("openssl pkcs12 -in id.p12 -passin pass:secret -noenc -out all.pem && "
	    "openssl pkcs12 -export -in all.pem -passout pass:theirs -out theirs.p12");
	again = load_encrypted_mem(p12, read_file("theirs.p12", p12, sizeof p12),
	    "theirs");
	CHECK_TEXT(tlsmith_identity_key_pem(again), tlsmith_identity_key_pem(id));
	tlsmith_identity_free(again);
}

/* A context that trusts this root, with the CRLs in `crl`, or none for NULL. */
static tlsmith_ctx *trusting(const tlsmith_identity *ca, const char *crl)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	const char *pem = tlsmith_identity_cert_pem(ca);

	CHECK(tlsmith_ctx_add_roots_mem(ctx, pem, strlen(pem)) == 0);
	CHECK(crl == NULL || tlsmith_ctx_add_crl_mem(ctx, crl, strlen(crl)) == 0);
	return ctx;
}

static void revoked_is_refused(tlsmith_identity *ca, tlsmith_identity *kept)
{
	tlsmith_identity *gone = tlsmith_issue_cert(ca, "gone.example", NULL);
	tlsmith_identity *past = tlsmith_issue_cert(ca, "past.example", NULL);
	tlsmith_identity *other = tlsmith_gen_ca(NULL);
	int64_t now = time(NULL);
	tlsmith_crl *crl, *empty, *strange = tlsmith_gen_crl(other, NULL, 0);
	tlsmith_ctx *ctx;
	char serials[128];

	snprintf(serials, sizeof serials, "%s=keyCompromise, %s", tlsmith_cert_serial(leaf(gone)),
	    tlsmith_cert_serial(leaf(past)));
	crl = tlsmith_gen_crl(ca, serials, 0);
	empty = tlsmith_gen_crl(ca, "", 1);
	CHECK(tlsmith_crl_save(crl, "crl.pem") == 0 && has_mode("crl.pem", 0644));
	CHECK(tlsmith_identity_save(ca, "crl_ca.pem", NULL, NULL) == 0);
	CHECK(tlsmith_identity_save(other, "other_ca.pem", NULL, NULL) == 0);
	CHECK(tlsmith_identity_save(gone, "gone.pem", NULL, NULL) == 0);
	CHECK(tlsmith_identity_save(kept, "kept.pem", NULL, NULL) == 0);
	CHECK_RUNS("openssl crl -in crl.pem -CAfile crl_ca.pem -noout && grep -q 'verify OK' output");
	CHECK_RUNS("openssl crl -in crl.pem -CAfile other_ca.pem -noout; ! grep -q 'verify OK' output");
	CHECK_RUNS("openssl verify -crl_check -CRLfile crl.pem -CAfile crl_ca.pem kept.pem");
	CHECK_STOPS("openssl verify -crl_check -CRLfile crl.pem -CAfile crl_ca.pem gone.pem "
	    ">output 2>&1", "certificate revoked");

	ctx = tlsmith_ctx_new();
	CHECK(tlsmith_ctx_add_roots(ctx, "crl_ca.pem") == 0);
	CHECK(tlsmith_ctx_add_crl(ctx, "crl.pem") == 0);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, gone, NULL, NULL, 0), TLSMITH_ERR_CERT_REVOKED,
	    tlsmith_last_error(), "(keyCompromise)");
	CHECK(strstr(tlsmith_last_error(), "gone.example") != NULL);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, past, "past.example", NULL, 0), TLSMITH_ERR_CERT_REVOKED,
	    tlsmith_last_error(), "past.example");
	CHECK(tlsmith_ctx_verify(ctx, kept, "localhost", NULL, 0) == 0);
	/* It is good for seven days, the empty one for one. */
	CHECK(tlsmith_ctx_verify(ctx, kept, NULL, NULL, now + 7 * DAY - 60) == 0);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, kept, NULL, NULL, now + 7 * DAY + 60),
	    TLSMITH_ERR_CERT_UNKNOWN_REVOCATION, tlsmith_last_error(), "no current CRL");
	tlsmith_ctx_free(ctx);
	ctx = trusting(ca, tlsmith_crl_pem(empty));
	CHECK(tlsmith_ctx_verify(ctx, gone, NULL, NULL, now + DAY - 60) == 0);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, gone, NULL, NULL, now + DAY + 60),
	    TLSMITH_ERR_CERT_UNKNOWN_REVOCATION, tlsmith_last_error(), "no current CRL");
	tlsmith_ctx_free(ctx);
	ctx = trusting(ca, tlsmith_crl_pem(strange));
	CHECK_FAILS(tlsmith_ctx_verify(ctx, kept, NULL, NULL, 0), TLSMITH_ERR_CERT_UNKNOWN_REVOCATION,
	    tlsmith_last_error(), "CRL");
	tlsmith_ctx_free(ctx);
	tlsmith_crl_free(crl);
	tlsmith_crl_free(empty);
	tlsmith_crl_free(strange);
	tlsmith_identity_free(gone);
	tlsmith_identity_free(past);
	tlsmith_identity_free(other);
}

/* Another thread has verified nothing. */
static void *verified_there(void *ctx)
{
	return (void *)tlsmith_ctx_verified_cert(ctx, 0);
}

static void chains_are_verified(void)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *ca, *sub, *id, *user, *other = tlsmith_gen_ca(NULL);
	tlsmith_ctx *ctx, *wrong = trusting(other, NULL);
	const tlsmith_cert *root;
	pthread_t thread;
	void *there = &opt;

	opt.common_name = "Top";
	opt.path_len = 2;
	ca = tlsmith_gen_ca(&opt);
	opt.common_name = "Middle";
	opt.path_len = 0;
	opt.flags = TLSMITH_CERT_CA;
	opt.permitted_names = "example.org,10.0.0.0/8";
	sub = tlsmith_issue_cert(ca, NULL, &opt);
	CHECK(tlsmith_cert_path_len(leaf(ca)) == 2 && tlsmith_cert_path_len(leaf(sub)) == 0);
	CHECK(tlsmith_cert_path_len(leaf(other)) == -1);
	CHECK(strstr(tlsmith_cert_name_constraints(leaf(sub)), "example.org") != NULL);
	CHECK_TEXT(tlsmith_cert_name_constraints(leaf(ca)), "");
	id = tlsmith_issue_cert(sub, "www.example.org", NULL);
	memset(&opt, 0, sizeof opt);
	opt.size = sizeof opt;
	opt.usage = TLSMITH_USAGE_CLIENT;
	user = tlsmith_issue_cert(sub, "user.example.org", &opt);
	CHECK(tlsmith_cert_path_len(leaf(id)) == -1);

	ctx = trusting(ca, NULL);
	CHECK(tlsmith_ctx_verified_cert(ctx, 0) == NULL);
	CHECK(tlsmith_ctx_verify(ctx, id, "www.example.org", NULL, 0) == 0);
	CHECK_TEXT(tlsmith_cert_sha256(tlsmith_ctx_verified_cert(ctx, 0)), tlsmith_cert_sha256(leaf(id)));
	CHECK_TEXT(tlsmith_cert_subject(tlsmith_ctx_verified_cert(ctx, 1)), "CN=Middle");
	root = tlsmith_ctx_verified_cert(ctx, 2);
	CHECK_TEXT(tlsmith_cert_sha256(root), tlsmith_cert_sha256(leaf(ca)));
	CHECK(tlsmith_ctx_verified_cert(ctx, 3) == NULL && tlsmith_ctx_verified_cert(wrong, 0) == NULL);
	CHECK(pthread_create(&thread, NULL, verified_there, ctx) == 0);
	CHECK(pthread_join(thread, &there) == 0 && there == NULL);
	CHECK(tlsmith_ctx_verified_cert(ctx, 2) == root);
	/* What is borrowed from a path may be given to the call that lets it go. */
	CHECK(tlsmith_ctx_verify(ctx, id, tlsmith_cert_name(tlsmith_ctx_verified_cert(ctx, 0), 0, NULL), NULL, 0) == 0);

	CHECK_FAILS(tlsmith_ctx_verify(ctx, id, "example.org", NULL, 0), TLSMITH_ERR_CERT_NAME_MISMATCH,
	    tlsmith_last_error(),
	    "certificate is for 'www.example.org', but you asked for 'example.org'");
	CHECK(tlsmith_ctx_verified_cert(ctx, 0) == NULL);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, id, NULL, NULL, time(NULL) + 398 * DAY),
	    TLSMITH_ERR_CERT_EXPIRED, tlsmith_last_error(), "expired");
	CHECK_FAILS(tlsmith_ctx_verify(ctx, id, NULL, NULL, time(NULL) - DAY),
	    TLSMITH_ERR_CERT_NOT_YET_VALID, tlsmith_last_error(), "not valid before");
	CHECK_FAILS(tlsmith_ctx_verify(wrong, id, NULL, NULL, 0), TLSMITH_ERR_CERT_UNKNOWN_ISSUER,
	    tlsmith_last_error(), "'CN=Top'");
	/* A client's is no server's, whatever its name. */
	CHECK(tlsmith_ctx_verify(ctx, user, NULL, NULL, 0) == 0);
	CHECK_FAILS(tlsmith_ctx_verify(ctx, user, "user.example.org", NULL, 0),
	    TLSMITH_ERR_CERT_WRONG_USAGE, tlsmith_last_error(), "for clientAuth, not for serverAuth");
	/* No refusal has made the context worse, but it is sealed. */
	CHECK_TEXT(tlsmith_ctx_error(ctx), "");
	CHECK(tlsmith_ctx_verify(ctx, id, "www.example.org", NULL, 0) == 0);
	CHECK_FAILS(tlsmith_ctx_add_crl(ctx, "crl.pem"), TLSMITH_ERR_STATE,
	    tlsmith_ctx_error(ctx), "in use");
	/* The path stays when the context goes, and is no other context's. */
	root = tlsmith_ctx_verified_cert(ctx, 2);
	tlsmith_ctx_free(ctx);
	ctx = trusting(ca, NULL);
	CHECK_TEXT(tlsmith_cert_subject(root), "CN=Top");
	CHECK(tlsmith_ctx_verified_cert(ctx, 0) == NULL);
	tlsmith_ctx_free(ctx);
	tlsmith_ctx_free(wrong);
	tlsmith_identity_free(ca);
	tlsmith_identity_free(sub);
	tlsmith_identity_free(id);
	tlsmith_identity_free(user);
	tlsmith_identity_free(other);
}

static void every_field_is_read(const char *repository)
{
	static char pem[16384], path[4096];
	const tlsmith_cert *cert;
	tlsmith_identity *site;

	snprintf(path, sizeof path, "%s/tests/data/example.org.pem", repository);
	site = tlsmith_identity_load_chain(path);
	cert = leaf(site);
	CHECK_TEXT(tlsmith_identity_key_pem(site), "");
	CHECK(tlsmith_cert_key_bits(cert) == 2048);
	CHECK_TEXT(tlsmith_cert_key_type(cert), "rsa-2048");
	CHECK(tlsmith_cert_sct_count(cert) == 3);
	CHECK(tlsmith_cert_path_len(cert) == -1);
	CHECK_TEXT(tlsmith_cert_key_usage(cert), "digitalSignature,keyEncipherment");
	CHECK_TEXT(tlsmith_cert_extended_key_usage(cert), "serverAuth,clientAuth");
	CHECK_TEXT(tlsmith_cert_name_constraints(cert), "");
	CHECK_TEXT(tlsmith_cert_crl_url(cert, 0),
	    "http://crl3.digicert.com/DigiCertGlobalG2TLSRSASHA2562020CA1-1.crl");
	CHECK_TEXT(tlsmith_cert_crl_url(cert, 1),
	    "http://crl4.digicert.com/DigiCertGlobalG2TLSRSASHA2562020CA1-1.crl");
	CHECK(tlsmith_cert_crl_url(cert, 2) == NULL && tlsmith_cert_crl_url(cert, SIZE_MAX) == NULL);
	CHECK_TEXT(tlsmith_cert_ocsp_url(cert, 0), "http://ocsp.digicert.com");
	CHECK(tlsmith_cert_ocsp_url(cert, 1) == NULL);
	CHECK_TEXT(tlsmith_cert_sha1(cert), "4da25a6d5ef62c5f95c7bd0a73ea3c177b36999d");
	CHECK_TEXT(tlsmith_cert_serial(cert), "075bcef30689c8addf13e51af4afe187");
	tlsmith_identity_free(site);

	/* A path length means nothing where it is no CA. */
	CHECK_RUNS("openssl req -x509 -newkey ed25519 -noenc -keyout odd.key -out odd.pem "
	    "-subj /CN=odd -addext 'basicConstraints=critical,CA:FALSE,pathlen:3'");
	site = tlsmith_identity_load_chain_mem(pem, read_file("odd.pem", pem, sizeof pem));
	CHECK_TEXT(tlsmith_cert_subject(leaf(site)), "CN=odd");
	CHECK(tlsmith_cert_path_len(leaf(site)) == -1);
	tlsmith_identity_free(site);
}

int main(void)
{
	const char *repository = getenv("TLSMITH_ROOT");
	char folder[] = "certificates.XXXXXX";
	tlsmith_identity *ca, *id;
	tlsmith_csr *csr;

	if (repository == NULL || mkdtemp(folder) == NULL || chdir(folder) != 0) {
		fprintf(stderr, "TLSMITH_ROOT is to be the root of the repository\n");
		return 1;
	}
	ca = tlsmith_gen_ca(NULL);
	id = tlsmith_issue_cert(ca, "localhost", NULL);
	csr = tlsmith_gen_csr("localhost", NULL);
	three_steps();
	requests_of_openssl_are_signed(ca);
	other_names_of_requests_are_signed_only_with_the_flag(ca);
	a_request_to_be_a_ca_needs_consent(ca);
	keys_are_kept_under_passwords(id, csr);
	revoked_is_refused(ca, id);
	chains_are_verified();
	every_field_is_read(repository);
	tlsmith_csr_free(csr);
	tlsmith_identity_free(id);
	tlsmith_identity_free(ca);
	return failures != 0;
}
