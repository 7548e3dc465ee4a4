/* Certificates by OpenSSL's API, with all that tlsmith puts into its own. */
#include "harness.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#define DAY 86400

static EVP_PKEY *new_key(const char *kind)
{
	int id = strcmp(kind, "ed25519") == 0 ? EVP_PKEY_ED25519 :
	    strcmp(kind, "rsa-2048") == 0 ? EVP_PKEY_RSA : EVP_PKEY_EC;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(id, NULL);
	EVP_PKEY *key = NULL;

	NEED(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);
	if (id == EVP_PKEY_EC)
		NEED(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) == 1);
	if (id == EVP_PKEY_RSA)
		NEED(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	NEED(EVP_PKEY_keygen(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void add(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, ctx, nid, value);

	NEED(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void set_serial(X509 *cert)
{
	unsigned char serial[20];
	BIGNUM *number;

	NEED(RAND_bytes(serial, sizeof serial) == 1);
	serial[0] = (serial[0] & 0x7f) | 0x40;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	NEED(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL);
	BN_free(number);
}

/* What OpenSSL 4 gives away is constant. */
static void set_names(X509 *cert, const char *name, X509 *issuer)
{
	X509_NAME *subject = X509_NAME_new();

	NEED(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
	         -1, 0) == 1);
	NEED(X509_set_subject_name(cert, subject) == 1);
	NEED(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1);
	X509_NAME_free(subject);
}

static X509 *new_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, long days)
{
	X509 *cert = X509_new();
	X509V3_CTX ctx;

	if (issuer == NULL)
		issuer = cert;
	X509_set_version(cert, 2);
	set_serial(cert);
	set_names(cert, name, issuer);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY);
	X509_set_pubkey(cert, key);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	add(cert, &ctx, NID_subject_key_identifier, "hash");
	add(cert, &ctx, NID_authority_key_identifier, "keyid:always");
	if (issuer == cert) {
		add(cert, &ctx, NID_basic_constraints, "critical,CA:TRUE");
		add(cert, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign");
	} else {
		add(cert, &ctx, NID_basic_constraints, "critical,CA:FALSE");
		add(cert, &ctx, NID_key_usage, "critical,digitalSignature");
		add(cert, &ctx, NID_ext_key_usage, "serverAuth");
		add(cert, &ctx, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
	}
	NEED(X509_sign(cert, issuer_key,
	         EVP_PKEY_id(issuer_key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
	return cert;
}

static void write_pem(X509 *cert, EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());

	NEED(PEM_write_bio_X509(out, cert) == 1);
	NEED(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
	BIO_free(out);
}

bool peer_certificates(const char *kind)
{
	EVP_PKEY *root_key = new_key(kind), *key = new_key(kind);
	X509 *root = new_cert("bench CA", root_key, NULL, root_key, 3650);
	X509 *cert = new_cert("localhost", key, root, root_key, 397);

	write_pem(root, root_key);
	write_pem(cert, key);
	X509_free(cert);
	X509_free(root);
	EVP_PKEY_free(key);
	EVP_PKEY_free(root_key);
	return true;
}
