/* certs: writes the certificates of `make bench` into a folder. */
#include <stdio.h>
#include <string.h>
#include <tlsmith.h>

static int save(const tlsmith_identity *id, const char *folder, const char *name)
{
	char cert[4096], key[4096];

	snprintf(cert, sizeof cert, "%s/%s.pem", folder, name);
	snprintf(key, sizeof key, "%s/%s.key", folder, name);
	return tlsmith_identity_save(id, cert, key, NULL);
}

int main(int argc, char *argv[])
{
	tlsmith_cert_options client_use = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_identity *ca = tlsmith_gen_ca(NULL), *server, *client;

	client_use.usage = TLSMITH_USAGE_CLIENT;
	server = tlsmith_issue_cert(ca, "localhost", NULL);
	client = tlsmith_issue_cert(ca, "client.example", &client_use);
	if (argc != 2 || save(ca, argv[1], "ca") < 0 || save(server, argv[1], "server") < 0 ||
	    save(client, argv[1], "client") < 0) {
		fprintf(stderr, "usage: certs FOLDER: %s\n", tlsmith_last_error());
		return 1;
	}
	tlsmith_identity_free(client);
	tlsmith_identity_free(server);
	tlsmith_identity_free(ca);
	return 0;
}
