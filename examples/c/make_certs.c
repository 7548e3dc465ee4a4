/* make_certs NAMES: create a CA and a certificate for NAMES ("localhost,::1"). */
#include <stdio.h>
#include <tlsmith.h>

int main(int argc, char **argv)
{
	tlsmith_identity *ca = tlsmith_gen_ca(NULL);
	tlsmith_identity *id = tlsmith_issue_cert(ca, argc > 1 ? argv[1] : "localhost", NULL);
	int failed = tlsmith_identity_save(ca, "ca.pem", "ca.key", NULL) < 0 ||
	    tlsmith_identity_save(id, "server.pem", "server.key", NULL) < 0;

	if (failed)
		fprintf(stderr, "%s\n", tlsmith_last_error());
	tlsmith_identity_free(id);
	tlsmith_identity_free(ca);
	return failed;
}
