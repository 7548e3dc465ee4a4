/* certificates: how fast a CA and a certificate are made, against OpenSSL's C API.
 *
 * Both make the same: two keys, a root, a certificate for localhost with what a
 * TLS server needs, and the PEM of all four.  They take turns, so that a machine
 * whose speed drifts does not favour one; the ratio is that of one turn. */
#define _POSIX_C_SOURCE 200809L
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tlsmith.h>

#define ROUNDS 15
#define DAY 86400

static void need(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

/* ---- OpenSSL ---- */

static EVP_PKEY *new_key(const char *kind)
{
	EVP_PKEY *key = strcmp(kind, "ed25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") :
	    EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	need(key != NULL, "EVP_PKEY_Q_keygen");
	return key;
}

static void add(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

	need(extension != NULL && X509_add_ext(cert, extension, -1), value);
	X509_EXTENSION_free(extension);
}

static X509 *new_cert(const char *name, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, long days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	unsigned char serial[20];
	X509V3_CTX ctx;
	BIGNUM *number;

	X509_set_version(cert, X509_VERSION_3);
	need(RAND_bytes(serial, sizeof serial) == 1, "RAND_bytes");
	serial[0] = (serial[0] & 0x7f) | 0x40;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(ca ? ca : cert));
	X509_set_pubkey(cert, key);
	X509V3_set_ctx(&ctx, ca ? ca : cert, cert, NULL, NULL, 0);
	add(cert, &ctx, NID_subject_key_identifier, "hash");
	add(cert, &ctx, NID_authority_key_identifier, "keyid:always");
	if (ca == NULL) {
		add(cert, &ctx, NID_basic_constraints, "critical,CA:TRUE");
		add(cert, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign");
	} else {
		add(cert, &ctx, NID_basic_constraints, "critical,CA:FALSE");
		add(cert, &ctx, NID_key_usage, "critical,digitalSignature");
		add(cert, &ctx, NID_ext_key_usage, "serverAuth");
		add(cert, &ctx, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
	}
	need(X509_sign(cert, ca_key,
	         EVP_PKEY_id(ca_key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0, "X509_sign");
	return cert;
}

static void write_pem(X509 *cert, EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());

	need(PEM_write_bio_X509(out, cert) &&
	         PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), "PEM");
	BIO_free(out);
}

static void with_openssl(const char *kind)
{
	EVP_PKEY *ca_key = new_key(kind), *key = new_key(kind);
	X509 *ca = new_cert("bench CA", ca_key, NULL, ca_key, 3650);
	X509 *cert = new_cert("localhost", key, ca, ca_key, 397);

	write_pem(ca, ca_key);
	write_pem(cert, key);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

/* ---- tlsmith ---- */

static void with_tlsmith(const char *kind)
{
	tlsmith_cert_options opt = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *ca, *id;

	opt.key_type = kind;
	ca = tlsmith_gen_ca(&opt);
	id = tlsmith_issue_cert(ca, "localhost,127.0.0.1,::1", &opt);
	need(id != NULL && *tlsmith_identity_cert_pem(ca) && *tlsmith_identity_key_pem(ca) &&
	         *tlsmith_identity_cert_pem(id) && *tlsmith_identity_key_pem(id),
	    tlsmith_last_error());
	tlsmith_identity_free(id);
	tlsmith_identity_free(ca);
}

/* ---- turns ---- */

static double seconds(void (*make)(const char *), const char *kind, int count)
{
	struct timespec start, end;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (int i = 0; i < count; i++)
		make(kind);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, compare);
	return values[ROUNDS / 2];
}

int main(void)
{
	const char *kinds[] = { "ecdsa-p256", "ed25519" };
	const int count = 100;

	printf("a CA and a certificate, with their keys, as PEM: CPU time, median of %d turns\n"
	       "%-12s %14s %14s %8s   (%s)\n", ROUNDS, "key", "tlsmith", "OpenSSL", "ratio",
	    OpenSSL_version(OPENSSL_VERSION));
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		double ours[ROUNDS], theirs[ROUNDS], ratio[ROUNDS];

		seconds(with_tlsmith, kinds[k], 10);
		seconds(with_openssl, kinds[k], 10);
		for (int round = 0; round < ROUNDS; round++) {
			ours[round] = seconds(with_tlsmith, kinds[k], count) / count * 1e6;
			theirs[round] = seconds(with_openssl, kinds[k], count) / count * 1e6;
			ratio[round] = theirs[round] / ours[round];
		}
		printf("%-12s %11.0f us %11.0f us %7.2fx\n", kinds[k], median(ours), median(theirs),
		    median(ratio));
	}
	return 0;
}
