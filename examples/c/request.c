/* request: create a CA and a request for "localhost", and sign it. */
#include <stdio.h>
#include <tlsmith.h>

int main(void)
{
	tlsmith_cert_options root = TLSMITH_CERT_OPTIONS_INIT, requested = root, issued = root;

	root.subject = "/CN=ROOT CA";
	root.key_type = requested.key_type = "ed448";
	root.days = issued.days = 3650;
	/* The CA was created earlier, so it may expire a second before. */
	issued.flags = TLSMITH_CERT_COPY_EXTENSIONS | TLSMITH_CERT_OUTLIVE_CA;

	tlsmith_identity *ca = tlsmith_gen_ca(&root);
	tlsmith_csr *csr = tlsmith_gen_csr("localhost", &requested);
	tlsmith_identity *id = tlsmith_sign_csr(ca, csr, &issued);
	int failed = tlsmith_identity_save(ca, "ca_cert.pem", "ca_keypair.pem", NULL) < 0 ||
	    tlsmith_csr_save(csr, "server_csr.pem", "server_keypair.pem", NULL) < 0 ||
	    tlsmith_identity_save(id, "server_cert.pem", NULL, NULL) < 0;

	if (failed)
		fprintf(stderr, "%s\n", tlsmith_last_error());
	tlsmith_identity_free(id);
	tlsmith_csr_free(csr);
	tlsmith_identity_free(ca);
	return failed;
}
