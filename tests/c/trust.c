/* Which peers a context trusts: time, pinned keys, single certificates, and files of roots. */
#include <stdlib.h>

#include "check.h"
#include "memory.h"

static int64_t tell(void *userdata)
{
	return *(const int64_t *)userdata;
}

static void certificates_are_verified_at_the_time_of_the_clock(void)
{
	const tlsmith_cert *cert = tlsmith_identity_cert(localhost, 0);
	int64_t now = tlsmith_cert_not_after(cert) + 1;
	struct pair p;

	for (int late = 0; late < 2; late++) {
		prepare(&p);
		CHECK(tlsmith_ctx_set_clock(p.client_ctx, tell, &now) == 0);
		if (late) {
			CHECK_FAILS(meet(&p, "localhost"), TLSMITH_ERR_CERT_EXPIRED,
			    tlsmith_conn_error(p.client), "expired");
			now = tlsmith_cert_not_after(cert) - 1;
		} else {
			now = tlsmith_cert_not_before(cert);
			CHECK(meet(&p, "localhost") == 0);
			now = tlsmith_cert_not_after(cert) + 1;
		}
		stop(&p);
	}
	CHECK_SETTER(tlsmith_ctx_set_clock(ctx, NULL, &now), TLSMITH_ERR_ARG, "clock");
	CHECK(tlsmith_ctx_set_clock(NULL, tell, &now) == TLSMITH_ERR_ARG);
}

static void context_trusts_pins_and_single_certificates(void)
{
	const tlsmith_cert *leaf = tlsmith_identity_cert(localhost, 0);
	const tlsmith_cert *root = tlsmith_identity_cert(ca, 0);
	tlsmith_identity *self = tlsmith_self_signed("nobody.example", NULL);
	tlsmith_identity *other = tlsmith_self_signed("nobody.example", NULL);
	const char *pins[] = { tlsmith_cert_spki_sha256(leaf), tlsmith_cert_spki_sha256(root) };
	const char *wrong = tlsmith_cert_spki_sha256(tlsmith_identity_cert(self, 0));
	struct pair p;
	int i;

	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_add_pin(p.client_ctx, wrong);
		tlsmith_ctx_add_pin(p.client_ctx, pins[i]);
		CHECK(meet(&p, "localhost") == 0);
		stop(&p);
	}
	prepare(&p);
	tlsmith_ctx_add_pin(p.client_ctx, wrong);
	CHECK_FAILS(meet(&p, "localhost"), TLSMITH_ERR_CERT_PIN_MISMATCH,
	    tlsmith_conn_error(p.client), pins[0]);
	CHECK(p.server_status == TLSMITH_ERR_ALERT);
	CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL);
	CHECK(tlsmith_conn_verified_cert(p.client, 0) == NULL);
	stop(&p);

	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_free(p.server_ctx);
		p.server_ctx = tlsmith_ctx_new();
		tlsmith_ctx_use(p.server_ctx, i ? other : self);
		tlsmith_ctx_free(p.client_ctx);
		p.client_ctx = tlsmith_ctx_new();
		tlsmith_ctx_trust_certificate(p.client_ctx,
		    tlsmith_cert_sha256(tlsmith_identity_cert(self, 0)));
		CHECK(meet(&p, "whatever.example") == (i ? TLSMITH_ERR_CERT_UNKNOWN_ISSUER : 0));
		stop(&p);
	}
	tlsmith_identity_free(self);
	tlsmith_identity_free(other);
}

static void append_certificate(const char *path, const char *mode, const tlsmith_identity *id)
{
	FILE *file = fopen(path, mode);

	if (!CHECK(file != NULL))
		return;
	fputs(tlsmith_cert_pem(tlsmith_identity_cert(id, 0)), file);
	fclose(file);
}

/* A file with several certificates is a set of roots, and not one peer. */
static void root_file_can_hold_several_certificates(void)
{
	static const char path[] = "several.pem";
	tlsmith_identity *devices[2];
	struct pair p;
	int i;

	for (i = 0; i < 2; i++) {
		devices[i] = tlsmith_self_signed("localhost", NULL);
		append_certificate(path, i ? "a" : "w", devices[i]);
	}
	CHECK_SETTER(tlsmith_ctx_trust_certificate(ctx, "./several.pem"), TLSMITH_ERR_PARSE,
	    "contains 2 certificates, and each would be trusted");
	for (i = 0; i < 2; i++) {
		prepare(&p);
		tlsmith_ctx_free(p.server_ctx);
		p.server_ctx = tlsmith_ctx_new();
		tlsmith_ctx_use(p.server_ctx, devices[i]);
		tlsmith_ctx_free(p.client_ctx);
		p.client_ctx = tlsmith_ctx_new();
		tlsmith_ctx_add_roots(p.client_ctx, path);
		CHECK(meet(&p, "localhost") == 0);
		CHECK_TEXT(tlsmith_cert_sha256(tlsmith_conn_peer_cert(p.client, 0)),
		    tlsmith_cert_sha256(tlsmith_identity_cert(devices[i], 0)));
		stop(&p);
	}
	for (i = 0; i < 2; i++)
		tlsmith_identity_free(devices[i]);
	remove(path);
}

/* Certificates that are legal and rare, which run.sh makes: nobody who is accepted is
 * nobody. */
static void peer_chain_holds_unusual_certificates(void)
{
	enum { VERIFIED, INSECURE, PINNED, MODES };
	static const char *const kinds[] = { "arc", "long", "purpose", "name" };
	const char *folder = getenv("TLSMITH_ODD");
	char path[512], key[512];
	struct pair p;
	size_t i;
	int mode;

	if (!CHECK(folder != NULL))
		return;
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (mode = 0; mode < MODES; mode++) {
			tlsmith_identity *odd;
			const char *sha256;

			snprintf(path, sizeof path, "%s/%s.pem", folder, kinds[i]);
			snprintf(key, sizeof key, "%s/%s.key", folder, kinds[i]);
			odd = tlsmith_identity_load_chain(path);
			sha256 = tlsmith_cert_sha256(tlsmith_identity_cert(odd, 0));
			prepare(&p);
			tlsmith_ctx_free(p.server_ctx);
			p.server_ctx = tlsmith_ctx_new();
			tlsmith_ctx_use_cert(p.server_ctx, path, key);
			tlsmith_ctx_free(p.client_ctx);
			p.client_ctx = tlsmith_ctx_new();
			if (mode == VERIFIED)
				tlsmith_ctx_add_roots(p.client_ctx, path);
			else if (mode == INSECURE)
				tlsmith_ctx_insecure_no_verify(p.client_ctx);
			else
				tlsmith_ctx_trust_certificate(p.client_ctx, sha256);
			CHECK(meet(&p, "localhost") == 0);
			if (CHECK(tlsmith_conn_peer_cert(p.client, 0) != NULL))
				CHECK_TEXT(tlsmith_cert_sha256(tlsmith_conn_peer_cert(p.client, 0)), sha256);
			stop(&p);
			tlsmith_identity_free(odd);
		}
}

int main(void)
{
	begin_all();
	certificates_are_verified_at_the_time_of_the_clock();
	context_trusts_pins_and_single_certificates();
	root_file_can_hold_several_certificates();
	peer_chain_holds_unusual_certificates();
	end_all();
	return failures != 0;
}
