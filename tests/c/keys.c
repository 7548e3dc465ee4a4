/* Keys under passwords, from files and from memory, and PKCS#12 with several keys. */
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define RUNS(command) CHECK(system(command) == 0)

/* What a callback is asked, and what it answers. */
struct answer {
	const char *password;
	ptrdiff_t length;
	int calls;
	int error;
};

static ptrdiff_t ask(void *userdata, char *buf, size_t size)
{
	struct answer *answer = userdata;

	answer->calls++;
	CHECK(size == 1024);
	errno = answer->error;
	if (answer->password != NULL)
		memcpy(buf, answer->password, strlen(answer->password));
	return answer->length;
}

static size_t read_file(const char *name, char *data, size_t size)
{
	FILE *file = fopen(name, "rb");
	size_t len = file != NULL ? fread(data, 1, size, file) : 0;

	if (file != NULL)
		fclose(file);
	CHECK(len > 0);
	return len;
}

/* Files and memory are two ways to the same identity. */
static tlsmith_identity *load(int from_memory, const char *cert, const char *key,
    const tlsmith_load_options *opt)
{
	char cert_data[16384], key_data[16384];

	if (!from_memory)
		return tlsmith_identity_load(cert, key, opt);
	size_t cert_len = read_file(cert, cert_data, sizeof cert_data);
	size_t key_len = key != NULL ? read_file(key, key_data, sizeof key_data) : 0;
	return tlsmith_identity_load_mem(cert_data, cert_len, key != NULL ? key_data : NULL,
	    key_len, opt);
}

static void password_or_callback_decrypts_keys(void)
{
	static const char *const keys[] = { "pkcs8.key", "old.key", "des3.key" };
	tlsmith_load_options with = TLSMITH_LOAD_OPTIONS_INIT, asking = TLSMITH_LOAD_OPTIONS_INIT;
	struct answer answer = { "p\xe4ss", 4, 0, 0 };

	with.password = "p\xe4ss";
	asking.ask_password = ask;
	asking.userdata = &answer;
	for (size_t i = 0; i < 2 * sizeof keys / sizeof *keys; i++) {
		int memory = i % 2;
		const char *key = keys[i / 2];
		tlsmith_identity *id = load(memory, "cert.pem", key, &with);
		tlsmith_identity *asked = load(memory, "cert.pem", key, &asking);

		CHECK(id != NULL && asked != NULL);
		CHECK_TEXT(tlsmith_identity_key_pem(asked), tlsmith_identity_key_pem(id));
		CHECK(strstr(tlsmith_identity_key_pem(id), "BEGIN PRIVATE KEY") != NULL);
		CHECK(answer.calls == 1);
		answer.calls = 0;
		CHECK_NONE(load(memory, "cert.pem", key, NULL), TLSMITH_ERR_ARG, "give its password");
		tlsmith_identity_free(asked);
		tlsmith_identity_free(id);
	}
}

static void callback_is_not_called_without_need(void)
{
	tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;
	struct answer answer = { "x", 1, 0, 0 };

	opt.ask_password = ask;
	opt.userdata = &answer;
	for (int memory = 0; memory < 2; memory++) {
		tlsmith_identity *id = load(memory, "cert.pem", "plain.key", &opt);

		CHECK(id != NULL);
		tlsmith_identity_free(id);
		CHECK_NONE(load(memory, "plain.key", "pkcs8.key", &opt), TLSMITH_ERR_PARSE,
		    "this is a private key; a certificate is needed");
	}
	CHECK(answer.calls == 0);
}

static void failing_callback_is_reported(void)
{
	tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;
	struct answer answer = { NULL, -1, 0, ENOKEY };

	opt.ask_password = ask;
	opt.userdata = &answer;
	CHECK_NONE(load(0, "cert.pem", "pkcs8.key", &opt), TLSMITH_ERR_IO, "password callback");
	answer.length = 1025;
	CHECK_NONE(load(0, "cert.pem", "pkcs8.key", &opt), TLSMITH_ERR_IO, "1025 bytes");
	answer.password = "other";
	answer.length = 5;
	CHECK_NONE(load(0, "cert.pem", "pkcs8.key", &opt), TLSMITH_ERR_ARG, "does not open");
}

static void friendly_name_selects_the_key_of_pkcs12(void)
{
	tlsmith_load_options opt = TLSMITH_LOAD_OPTIONS_INIT;
	struct answer answer = { "secret", 6, 0, 0 };

	opt.ask_password = ask;
	opt.userdata = &answer;
	for (int memory = 0; memory < 2; memory++) {
		opt.name = NULL;
		CHECK_NONE(load(memory, "two.p12", NULL, &opt), TLSMITH_ERR_ARG, "'first', 'second'");
		opt.name = "second";
		tlsmith_identity *id = load(memory, "two.p12", NULL, &opt);
		CHECK_TEXT(tlsmith_cert_subject(tlsmith_identity_cert(id, 0)), "CN=second");
		tlsmith_identity_free(id);
		opt.name = "third";
		CHECK_NONE(load(memory, "two.p12", NULL, &opt), TLSMITH_ERR_ARG, "'third'");
		CHECK_NONE(load(memory, "two.p12", "plain.key", &opt), TLSMITH_ERR_ARG, "NULL");
	}
	CHECK(answer.calls == 6);
}

int main(void)
{
	char folder[] = "/tmp/tlsmith-keys-XXXXXX";

	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return 2;
	RUNS("openssl req -x509 -newkey rsa:2048 -noenc -keyout plain.key -out cert.pem "
	    "-subj /CN=localhost 2>/dev/null && printf 'p\\344ss' >password && "
	    "openssl pkcs8 -topk8 -in plain.key -passout file:password -out pkcs8.key && "
	    "openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in plain.key -passout file:password "
	    "-out des3.key && "
	    "openssl rsa -traditional -aes256 -in plain.key -passout file:password -out old.key "
	    "2>/dev/null");
	RUNS("for name in first second; do keytool -genkeypair -alias $name -keyalg EC "
	    "-dname CN=$name -keystore two.p12 -storetype PKCS12 -storepass secret 2>/dev/null "
	    "|| exit 1; done");
	password_or_callback_decrypts_keys();
	callback_is_not_called_without_need();
	failing_callback_is_reported();
	friendly_name_selects_the_key_of_pkcs12();
	if (chdir("/") == 0) {
		char command[64];

		snprintf(command, sizeof command, "rm -r %s", folder);
		RUNS(command);
	}
	return failures != 0;
}
