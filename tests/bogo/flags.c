/* The flags of the runner. */
#define _POSIX_C_SOURCE 200809L
#include "shim.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { BOOL, INT, LONG, TEXT, BASE64, INTS, CREDENTIAL, KEY_FILE, CERT_FILE, SIGNING_PREF, MATCH_ISSUER };

#define AT(field) offsetof(struct config, field)

/* The flags, without their first dash. */
static const struct {
	const char *name;
	enum kind kind;
	size_t at;
} flags[] = {
	{ "port", INT, AT(port) },
	{ "shim-id", LONG, AT(shim_id) },
	{ "ipv6", BOOL, AT(ipv6) },
	{ "server", BOOL, AT(server) },
	{ "resume-count", INT, AT(resume_count) },
	{ "new-x509-credential", CREDENTIAL, 0 },
	{ "key-file", KEY_FILE, 0 },
	{ "cert-file", CERT_FILE, 0 },
	{ "signing-prefs", SIGNING_PREF, 0 },
	{ "must-match-issuer", MATCH_ISSUER, 0 },
	{ "expect-selected-credential", INT, AT(expect_selected_credential) },
	{ "trust-cert", TEXT, AT(trust_cert) },
	{ "min-version", INT, AT(min_version) },
	{ "max-version", INT, AT(max_version) },
	{ "expect-version", INT, AT(expect_version) },
	{ "no-tls12", BOOL, AT(no_tls12) },
	{ "no-tls13", BOOL, AT(no_tls13) },
	{ "host-name", TEXT, AT(host_name) },
	{ "expect-server-name", TEXT, AT(expect_server_name) },
	{ "verify-peer", BOOL, AT(verify_peer) },
	{ "require-any-client-certificate", BOOL, AT(require_any_client_certificate) },
	{ "verify-fail", BOOL, AT(verify_fail) },
	{ "curves", INTS, AT(curves) },
	{ "verify-prefs", INTS, AT(verify_prefs) },
	{ "expect-curve-id", INT, AT(expect_curve_id) },
	{ "expect-hrr", BOOL, AT(expect_hrr) },
	{ "expect-no-hrr", BOOL, AT(expect_no_hrr) },
	{ "advertise-alpn", TEXT, AT(advertise_alpn) },
	{ "select-alpn", TEXT, AT(select_alpn) },
	{ "expect-alpn", TEXT, AT(expect_alpn) },
	{ "expect-advertised-alpn", TEXT, AT(expect_advertised_alpn) },
	{ "no-ticket", BOOL, AT(no_ticket) },
	{ "expect-session-miss", BOOL, AT(expect_session_miss) },
	{ "expect-no-session", BOOL, AT(expect_no_session) },
	{ "enable-early-data", BOOL, AT(enable_early_data) },
	{ "expect-accept-early-data", BOOL, AT(expect_accept_early_data) },
	{ "expect-reject-early-data", BOOL, AT(expect_reject_early_data) },
	{ "expect-no-offer-early-data", BOOL, AT(expect_no_offer_early_data) },
	{ "expect-early-data-reason", TEXT, AT(expect_early_data_reason) },
	{ "expect-peer-signature-algorithm", INT, AT(expect_peer_signature_algorithm) },
	{ "expect-no-peer-cert", BOOL, AT(expect_no_peer_cert) },
	{ "use-custom-verify-callback", BOOL, AT(use_custom_verify_callback) },
	{ "fail-ocsp-callback", BOOL, AT(fail_ocsp_callback) },
	{ "decline-ocsp-callback", BOOL, AT(decline_ocsp_callback) },
	{ "ocsp-response", BASE64, AT(ocsp_response) },
	{ "expect-ocsp-response", BASE64, AT(expect_ocsp_response) },
	{ "enable-ech-grease", BOOL, AT(enable_ech_grease) },
	{ "ech-config-list", BASE64, AT(ech_config_list) },
	{ "expect-ech-accept", BOOL, AT(expect_ech_accept) },
	{ "expect-ech-retry-configs", BASE64, AT(expect_ech_retry_configs) },
	{ "expect-no-ech-retry-configs", BOOL, AT(expect_no_ech_retry_configs) },
	{ "export-keying-material", INT, AT(export_keying_material) },
	{ "export-traffic-secrets", BOOL, AT(export_traffic_secrets) },
	{ "export-label", TEXT, AT(export_label) },
	{ "export-context", TEXT, AT(export_context) },
	{ "use-export-context", BOOL, AT(use_export_context) },
	{ "shim-initial-write", TEXT, AT(shim_initial_write) },
	{ "use-client-ca-list", TEXT, AT(use_client_ca_list) },
	{ "read-with-unfinished-write", BOOL, AT(read_with_unfinished_write) },
	{ "shim-writes-first", BOOL, AT(shim_writes_first) },
	{ "shim-shuts-down", BOOL, AT(shim_shuts_down) },
	{ "check-close-notify", BOOL, AT(check_close_notify) },
	{ "key-update", BOOL, AT(key_update) },
	{ "read-size", INT, AT(read_size) },
	{ "max-send-fragment", INT, AT(max_send_fragment) },
	/* What is so here anyway. */
	{ "implicit-handshake", BOOL, AT(ignored) },
	{ "renegotiate-ignore", BOOL, AT(ignored) },
	{ "enable-ocsp-stapling", BOOL, AT(ignored) },
	{ "expect-extended-master-secret", BOOL, AT(ignored) },
	{ "expect-ticket-renewal", BOOL, AT(ignored) },
	{ "expect-no-session-id", BOOL, AT(ignored) },
	{ "expect-session-id", BOOL, AT(ignored) },
	{ "permute-extensions", BOOL, AT(ignored) },
	{ "handoff", BOOL, AT(ignored) },
	{ "no-ssl3", BOOL, AT(ignored) },
	{ "no-tls1", BOOL, AT(ignored) },
	{ "no-tls11", BOOL, AT(ignored) },
	/* What the next connection shows. */
	{ "expect-ticket-supports-early-data", BOOL, AT(ignored) },
	/* How the shim goes about it, which is all the same to the runner. */
	{ "async", BOOL, AT(ignored) },
	{ "use-early-callback", BOOL, AT(ignored) },
	{ "use-old-client-cert-callback", BOOL, AT(ignored) },
	{ "expect-verify-result", BOOL, AT(ignored) },
	{ "use-ocsp-callback", BOOL, AT(ignored) },
	{ "set-ocsp-in-callback", BOOL, AT(ignored) },
};

static void decode_base64(const char *text, struct text *out)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, count = 0;

	for (; *text != '\0' && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL || out->len == sizeof out->data)
			unknown("base64");
		bits = bits << 6 | (unsigned)(digit - digits);
		if ((count += 6) >= 8) {
			count -= 8;
			out->data[out->len++] = (char)(bits >> count);
		}
	}
}

static void add(struct numbers *numbers, const char *value)
{
	if (numbers->count == MOST)
		unknown("so many numbers");
	numbers->list[numbers->count++] = atoi(value);
}

/* Sets a field from the flag `name`: 1 where its value was used. */
static int set(struct config *config, const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		char *field = (char *)config + flags[i].at;
		struct credential *credential = &config->credentials[config->credential_count];

		if (strcmp(flags[i].name, name) != 0)
			continue;
		if (flags[i].kind == BOOL) {
			*(int *)field = 1;
			return 0;
		}
		if (flags[i].kind == MATCH_ISSUER) {
			credential->must_match_issuer = 1;
			return 0;
		}
		if (flags[i].kind == CREDENTIAL) {
			if (++config->credential_count == MOST)
				unknown("so many credentials");
			return 0;
		}
		if (value == NULL)
			fail("-%s has no value", name);
		switch (flags[i].kind) {
		case INT:
			*(int *)field = atoi(value);
			break;
		case LONG:
			*(long long *)field = strtoll(value, NULL, 10);
			break;
		case TEXT:
			*(const char **)field = value;
			break;
		case BASE64:
			decode_base64(value, (struct text *)field);
			break;
		case INTS:
			add((struct numbers *)field, value);
			break;
		case KEY_FILE:
			credential->key_file = value;
			break;
		case CERT_FILE:
			credential->cert_file = value;
			break;
		case SIGNING_PREF:
			add(&credential->signing_prefs, value);
			break;
		case BOOL:
		case MATCH_ISSUER:
		case CREDENTIAL:
			break;
		}
		return 1;
	}
	unknown(name);
}

struct config parse(int argc, char **argv, enum stage stage)
{
	static const char *const prefixes[] = { "on-initial-", "on-resume-", "on-retry-" };
	struct config config = { 0 };

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		struct config elsewhere = { 0 };
		int counts = 1;

		if (*name++ != '-')
			unknown(argv[i]);
		if (strncmp(name, "on-shim-", strlen("on-shim-")) == 0)
			name += strlen("on-shim-");
		for (size_t p = 0; p < 3; p++) {
			if (strncmp(name, prefixes[p], strlen(prefixes[p])) != 0)
				continue;
			name += strlen(prefixes[p]);
			counts = p == stage;
			break;
		}
		i += set(counts ? &config : &elsewhere, name, value);
	}
	return config;
}

