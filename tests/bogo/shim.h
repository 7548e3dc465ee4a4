/* What the runner says, and what the parts of the shim ask of each other. */
#ifndef SHIM_H
#define SHIM_H

#include <tlsmith.h>

#define MOST 32

struct text {
	char data[4096];
	size_t len;
};

struct numbers {
	int list[MOST], count;
};

struct credential {
	const char *key_file, *cert_file;
	struct numbers signing_prefs;
	int must_match_issuer;
};

struct config {
	int port, ipv6, server, resume_count;
	/* The first one's files come by themselves, those of others each after a
	 * -new-x509-credential: these are shown rather than the first one. */
	struct credential credentials[MOST];
	int credential_count;
	/* The runner looks at the certificate itself, and nothing is verified here. */
	int expect_selected_credential;
	const char *trust_cert;
	int min_version, max_version, no_tls12, no_tls13;
	const char *host_name, *expect_server_name;
	int verify_peer, require_any_client_certificate, verify_fail;
	struct numbers curves, verify_prefs;
	int expect_curve_id;
	int expect_hrr, expect_no_hrr, expect_version;
	const char *advertise_alpn, *select_alpn, *expect_alpn, *expect_advertised_alpn;
	int no_ticket, expect_session_miss, expect_no_session;
	int enable_early_data;
	int expect_accept_early_data, expect_reject_early_data;
	int expect_no_offer_early_data;
	const char *expect_early_data_reason;
	int expect_peer_signature_algorithm, expect_no_peer_cert;
	int use_custom_verify_callback, fail_ocsp_callback, decline_ocsp_callback, enable_ech_grease;
	struct text ocsp_response, expect_ocsp_response, ech_config_list, expect_ech_retry_configs;
	int expect_ech_accept, expect_no_ech_retry_configs;
	int export_keying_material, use_export_context, export_traffic_secrets;
	const char *export_label, *export_context;
	const char *shim_initial_write;
	const char *use_client_ca_list;
	int read_with_unfinished_write, shim_writes_first, shim_shuts_down, check_close_notify;
	int key_update, read_size, max_send_fragment;
	int ignored;
	long long shim_id;
};

/* Which flags count: those for all, and those for the first connection, for the
 * later ones, or for what follows after early data was rejected. */
enum stage { INITIAL, RESUME, RETRY };

struct config parse(int argc, char **argv, enum stage stage);

/* What the flags mean for a context.  `judged`: whether one of the connections is
 * to refuse its peer. */
tlsmith_ctx *make_context(const struct config *config, int judged);

/* The code with which the connection at hand refuses its peer, or 0. */
extern int verdict;

/* The traffic secrets of the connection at hand, in hex: the client's, and the
 * server's. */
extern char traffic_secrets[2][129];

/* By numbers: NULL for those that are not here. */
const char *group_name(int id);
const char *scheme_name(int id);

/* The socket to the runner, or -1 before there is one. */
extern int runner;

/* Ends the shim: with the reason, or because it lacks something. */
_Noreturn void fail(const char *format, ...);
_Noreturn void unknown(const char *what);

#endif
