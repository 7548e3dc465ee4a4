/* What the flags mean for contexts. */
#include "shim.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int id;
	const char *name;
} groups[] = {
	{ 0x0017, "secp256r1" },
	{ 0x0018, "secp384r1" },
	{ 0x0019, "secp521r1" },
	{ 0x001d, "x25519" },
	{ 0x11eb, "SecP256r1MLKEM768" },
	{ 0x11ec, "X25519MLKEM768" },
	{ 0x0201, "MLKEM768" },
	{ 0x0202, "MLKEM1024" },
}, schemes[] = {
	{ 0x0401, "rsa_pkcs1_sha256" },
	{ 0x0501, "rsa_pkcs1_sha384" },
	{ 0x0601, "rsa_pkcs1_sha512" },
	{ 0x0403, "ecdsa_secp256r1_sha256" },
	{ 0x0503, "ecdsa_secp384r1_sha384" },
	{ 0x0603, "ecdsa_secp521r1_sha512" },
	{ 0x0804, "rsa_pss_rsae_sha256" },
	{ 0x0805, "rsa_pss_rsae_sha384" },
	{ 0x0806, "rsa_pss_rsae_sha512" },
	{ 0x0807, "ed25519" },
	{ 0x0808, "ed448" },
	{ 0x0904, "ml_dsa_44" },
	{ 0x0905, "ml_dsa_65" },
	{ 0x0906, "ml_dsa_87" },
};

const char *group_name(int id)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (groups[i].id == id)
			return groups[i].name;
	return NULL;
}

const char *scheme_name(int id)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].id == id)
			return schemes[i].name;
	return NULL;
}

/* Protocols as TLS writes them, each behind its length, as tlsmith reads them. */
static void split_alpn(const char *wire, char *out, size_t size)
{
	size_t len = 0;

	while (*wire != '\0') {
		size_t one = (unsigned char)*wire++;

		if (one == 0 || one > strlen(wire) || len + one + 2 > size || memchr(wire, ',', one))
			unknown("alpn");
		if (len > 0)
			out[len++] = ',';
		memcpy(out + len, wire, one);
		len += one;
		wire += one;
	}
	out[len] = '\0';
}

/* Asked for every peer whose certificate comes: `userdata` is the code to refuse it
 * with, if any.  A later connection may resume the session of an earlier one
 * meanwhile. */
static int judge(void *userdata, const tlsmith_conn *conn, int status)
{
	int answer = *(int *)userdata;

	(void)conn;
	return answer != 0 ? answer : status;
}

int verdict;

/* Holds the protocols that a client offers against those that it should. */
static int check_hello(void *userdata, tlsmith_conn *conn, const tlsmith_hello *hello)
{
	char offered[4096] = "";
	const uint8_t *protocol;

	(void)conn;
	for (size_t i = 0; (protocol = tlsmith_hello_alpn(hello, i, NULL)) != NULL; i++) {
		size_t used = strlen(offered);
		snprintf(offered + used, sizeof offered - used, "%s%s", i > 0 ? "," : "",
		    (const char *)protocol);
	}
	if (strcmp(offered, userdata) != 0)
		fail("the client offers the protocols '%s', not '%s'", offered, (char *)userdata);
	return 0;
}

char traffic_secrets[2][129];

/* A line of the key log: a label, the client's random value, the secret. */
static void keep_secret(void *userdata, const tlsmith_conn *conn, const char *line)
{
	const char *secret = strrchr(line, ' ') + 1;

	(void)userdata;
	(void)conn;
	if (strlen(secret) >= sizeof traffic_secrets[0])
		fail("a secret of %zu digits", strlen(secret));
	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0)
		strcpy(traffic_secrets[0], secret);
	if (strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0)
		strcpy(traffic_secrets[1], secret);
}

static void set_groups(tlsmith_ctx *ctx, const struct numbers *ids)
{
	char names[1024] = "";

	for (int i = 0; i < ids->count; i++) {
		const char *name = group_name(ids->list[i]);

		if (name == NULL)
			unknown("a group");
		if (i > 0)
			strcat(names, ",");
		strcat(names, name);
	}
	if (ids->count > 0)
		tlsmith_ctx_set_groups(ctx, names);
}

/* Schemes that are not here are as good as not there, unless there is no other. */
static void set_schemes(tlsmith_ctx *ctx, const struct numbers *ids,
    int (*set)(tlsmith_ctx *ctx, const char *names))
{
	char names[1024] = "";

	for (int i = 0; i < ids->count; i++) {
		const char *name = scheme_name(ids->list[i]);

		if (name == NULL)
			continue;
		if (*names != '\0')
			strcat(names, ",");
		strcat(names, name);
	}
	if (*names != '\0')
		set(ctx, names);
	else if (ids->count > 0)
		unknown("these signature schemes");
}

static void set_versions(tlsmith_ctx *ctx, const struct config *config)
{
	int min = config->min_version > 0x0303 ? config->min_version : 0x0303;
	int max = config->max_version > 0 ? config->max_version : 0x0304;

	if (config->no_tls12)
		min = 0x0304;
	if (config->no_tls13)
		max = 0x0303;
	if (max < 0x0303 || min > 0x0304 || min > max)
		unknown("these versions");
	tlsmith_ctx_set_versions(ctx, min, max);
}

tlsmith_ctx *make_context(const struct config *config, int judged)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	char protocols[4096];

	set_versions(ctx, config);
	set_groups(ctx, &config->curves);
	set_schemes(ctx, &config->verify_prefs, tlsmith_ctx_set_verify_schemes);
	/* The runner's certificates are for tests of their own. */
	tlsmith_ctx_insecure_no_verify(ctx);
	if (judged)
		tlsmith_ctx_set_verify(ctx, judge, &verdict);
	for (int i = 1; i <= config->credential_count + 1; i++) {
		const struct credential *one =
		    &config->credentials[i <= config->credential_count ? i : 0];

		if (one->cert_file == NULL && one->key_file == NULL)
			continue;
		tlsmith_ctx_use_cert(ctx, one->cert_file, one->key_file);
		set_schemes(ctx, &one->signing_prefs, tlsmith_ctx_set_signing_schemes);
		if (one->must_match_issuer)
			tlsmith_ctx_match_issuer(ctx);
	}
	if (config->ocsp_response.len > 0 && config->server && !config->decline_ocsp_callback)
		tlsmith_ctx_set_ocsp(ctx, config->ocsp_response.data, config->ocsp_response.len);
	if (config->advertise_alpn != NULL && !config->server) {
		split_alpn(config->advertise_alpn, protocols, sizeof protocols);
		tlsmith_ctx_set_alpn(ctx, protocols);
	}
	if (config->select_alpn != NULL && config->server) {
		if (*config->select_alpn == '\0')
			unknown("an empty protocol");
		tlsmith_ctx_set_alpn(ctx, config->select_alpn);
	}
	if (config->expect_advertised_alpn != NULL && config->server) {
		static char expected[4096];

		split_alpn(config->expect_advertised_alpn, expected, sizeof expected);
		tlsmith_ctx_set_hello(ctx, check_hello, expected);
	}
	if (config->server && config->require_any_client_certificate)
		tlsmith_ctx_set_client_auth(ctx, TLSMITH_CLIENT_AUTH_REQUIRED);
	else if (config->server && config->verify_peer)
		tlsmith_ctx_set_client_auth(ctx, TLSMITH_CLIENT_AUTH_OPTIONAL);
	/* A server names the roots that it trusts: none here. */
	if (config->use_client_ca_list != NULL && *config->use_client_ca_list != '<')
		unknown("a list of CAs");
	if (config->export_traffic_secrets)
		tlsmith_ctx_set_keylog_fn(ctx, keep_secret, NULL);
	if (config->max_send_fragment > 0)
		tlsmith_ctx_set_max_fragment(ctx, (size_t)config->max_send_fragment);
	if (config->no_ticket)
		tlsmith_ctx_set_tickets(ctx, 0);
	if (config->enable_early_data)
		tlsmith_ctx_set_early_data(ctx, 14336);
	if (config->enable_ech_grease)
		tlsmith_ctx_set_ech(ctx, NULL, 0);
	if (config->ech_config_list.len > 0)
		tlsmith_ctx_set_ech(ctx, config->ech_config_list.data, config->ech_config_list.len);
	return ctx;
}
