/* pkcs11 MODULE TOKEN PIN-FILE KEY CHAIN.pem PORT: send back the line that a
 * client says, with a private key that never leaves its token (an HSM, a smart
 * card): the library says what to sign, and the token signs it.
 *
 * MODULE is the token's PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so;
 * TOKEN and KEY are labels.  The PIN is in a file, with mode 0600, because every
 * user of the machine can see arguments, in ps.  Port 0 is any free one.
 *
 *   cc pkcs11.c -o pkcs11 $(pkg-config --cflags --libs tlsmith p11-kit-1) -lpthread
 *
 * Only the header of p11-kit is used: apt-get install libp11-kit-dev. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <tlsmith.h>

/* A session is in one operation at a time: each signature takes the lock, from
 * its start to its end. */
struct token {
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	pthread_mutex_t lock;
};

/* What TLS calls by a number (RFC 8446, section 4.2.3) in words of PKCS#11.  The
 * salt of PSS is as long as the hash. */
static struct scheme {
	uint16_t number;
	CK_MECHANISM_TYPE hash, sign;
	CK_RSA_PKCS_PSS_PARAMS pss;
} schemes[] = {
	{ 0x0403, CKM_SHA256, CKM_ECDSA, { 0 } },
	{ 0x0503, CKM_SHA384, CKM_ECDSA, { 0 } },
	{ 0x0603, CKM_SHA512, CKM_ECDSA, { 0 } },
	{ 0x0804, 0, CKM_SHA256_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 } },
	{ 0x0805, 0, CKM_SHA384_RSA_PKCS_PSS, { CKM_SHA384, CKG_MGF1_SHA384, 48 } },
	{ 0x0806, 0, CKM_SHA512_RSA_PKCS_PSS, { CKM_SHA512, CKG_MGF1_SHA512, 64 } },
	{ 0x0401, 0, CKM_SHA256_RSA_PKCS, { 0 } },
	{ 0x0501, 0, CKM_SHA384_RSA_PKCS, { 0 } },
	{ 0x0601, 0, CKM_SHA512_RSA_PKCS, { 0 } },
	{ 0, 0, 0, { 0 } },
};

/* An INTEGER of DER: no zeros in front, but for one where it would be negative. */
static unsigned char *put_integer(unsigned char *at, const unsigned char *n, size_t len)
{
	for (; len > 1 && *n == 0; len--)
		n++;
	*at++ = 0x02;
	*at++ = (unsigned char)(len + (*n >> 7));
	if (*n >> 7)
		*at++ = 0;
	memcpy(at, n, len);
	return at + len;
}

/* PKCS#11 signs with two numbers of one length; TLS wants a SEQUENCE of two
 * INTEGERs (RFC 3279, section 2.2.3), whose length for P-521 is above 127. */
static ptrdiff_t put_ecdsa(unsigned char *sig, const unsigned char *rs, size_t len)
{
	unsigned char body[2 * (3 + 66)], *at = sig;
	size_t n = put_integer(put_integer(body, rs, len / 2), rs + len / 2, len / 2) - body;

	*at++ = 0x30;
	if (n > 127)
		*at++ = 0x81;
	*at++ = (unsigned char)n;
	memcpy(at, body, n);
	return at + n - sig;
}

/* The tlsmith_sign_fn.  Connections call it on their own threads. */
static ptrdiff_t sign(void *userdata, uint16_t number, const void *data, size_t len,
    void *sig, size_t sig_max)
{
	struct token *t = userdata;
	struct scheme *s = schemes;
	unsigned char hash[64], rs[2 * 66], *in = (unsigned char *)data, *out = sig;
	CK_ULONG in_len = len, hash_len = sizeof hash, out_len = sig_max;

	while (s->number != number && s->number != 0)
		s++;
	CK_MECHANISM digest = { s->hash, NULL, 0 }, how = { s->sign, NULL, 0 };
	if (s->pss.sLen != 0)
		how.pParameter = &s->pss, how.ulParameterLen = sizeof s->pss;
	CK_RV rv = s->number != 0 ? CKR_OK : CKR_MECHANISM_INVALID;

	pthread_mutex_lock(&t->lock);
	/* CKM_ECDSA takes a hash, and few tokens have a mechanism that takes the
	 * message.  For RSA all have one. */
	if (rv == CKR_OK && s->sign == CKM_ECDSA) {
		if ((rv = t->p11->C_DigestInit(t->session, &digest)) == CKR_OK)
			rv = t->p11->C_Digest(t->session, in, in_len, hash, &hash_len);
		in = hash, in_len = hash_len;
		out = rs, out_len = sizeof rs;
	}
	if (rv == CKR_OK && (rv = t->p11->C_SignInit(t->session, &how, t->key)) == CKR_OK)
		rv = t->p11->C_Sign(t->session, in, in_len, out, &out_len);
	pthread_mutex_unlock(&t->lock);
	if (rv != CKR_OK) {
		/* The handshake fails with the errno alone. */
		warnx("the token does not sign with scheme 0x%04x: CKR 0x%lx", number, rv);
		errno = EIO;
		return -1;
	}
	return s->sign == CKM_ECDSA ? put_ecdsa(sig, rs, out_len) : (ptrdiff_t)out_len;
}

static CK_SLOT_ID find_token(CK_FUNCTION_LIST *p11, const char *label)
{
	CK_SLOT_ID slots[64];
	CK_ULONG count = 64, i;
	CK_TOKEN_INFO info;
	char padded[sizeof info.label + 1];

	/* A token's label is filled up with blanks. */
	snprintf(padded, sizeof padded, "%-*s", (int)sizeof info.label, label);
	if (p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK)
		for (i = 0; i < count; i++)
			if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
			    memcmp(info.label, padded, sizeof info.label) == 0)
				return slots[i];
	errx(1, "no token has the label '%s'", label);
}

static void log_in(struct token *t, const char *file)
{
	char pin[256];
	FILE *f = fopen(file, "r");

	if (f == NULL || fgets(pin, sizeof pin, f) == NULL)
		err(1, "no PIN in '%s'", file);
	fclose(f);
	pin[strcspn(pin, "\r\n")] = '\0';
	CK_RV rv = t->p11->C_Login(t->session, CKU_USER, (unsigned char *)pin, strlen(pin));
	explicit_bzero(pin, sizeof pin);
	/* No second try: a token locks itself after a few wrong PINs. */
	if (rv != CKR_OK)
		errx(1, "the token refuses the PIN in '%s'%s: CKR 0x%lx", file,
		    rv == CKR_PIN_INCORRECT ? ", which is wrong" :
		    rv == CKR_PIN_LOCKED ? ", as too many were wrong" : "", rv);
}

static void find_key(struct token *t, char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof class },
		{ CKA_LABEL, label, strlen(label) } };
	CK_ULONG count = 0;

	if (t->p11->C_FindObjectsInit(t->session, wanted, 2) == CKR_OK)
		t->p11->C_FindObjects(t->session, &t->key, 1, &count);
	t->p11->C_FindObjectsFinal(t->session);
	if (count == 0)
		errx(1, "no private key of the token has the label '%s'", label);
}

static void open_token(struct token *t, char **argv)
{
	CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
	CK_C_GetFunctionList functions = NULL;
	void *module = dlopen(argv[1], RTLD_NOW);
	CK_RV rv;

	/* The cast that POSIX suggests: ISO C has none to a function. */
	if (module == NULL || (*(void **)&functions = dlsym(module, "C_GetFunctionList")) == NULL)
		errx(1, "no PKCS#11 module: %s", dlerror());
	if ((rv = functions(&t->p11)) != CKR_OK || (rv = t->p11->C_Initialize(&threads)) != CKR_OK)
		errx(1, "%s does not start: CKR 0x%lx", argv[1], rv);
	rv = t->p11->C_OpenSession(find_token(t->p11, argv[2]), CKF_SERIAL_SESSION, NULL, NULL,
	    &t->session);
	if (rv != CKR_OK)
		errx(1, "token '%s' opens no session: CKR 0x%lx", argv[2], rv);
	log_in(t, argv[3]);
	find_key(t, argv[4]);
}

static void *serve(void *conn)
{
	char line[1024];
	ptrdiff_t n;

	while ((n = tlsmith_read(conn, line, sizeof line)) > 0 &&
	    (n = tlsmith_write(conn, line, (size_t)n)) > 0 && line[n - 1] != '\n')
		continue;
	if (n < 0)
		warnx("%s", tlsmith_conn_error(conn));
	tlsmith_shutdown(conn);
	/* Closing before the client has ended could cut off what it still reads. */
	while (n > 0 && (n = tlsmith_read(conn, line, sizeof line)) > 0)
		continue;
	tlsmith_conn_free(conn);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct token token = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	pthread_t thread;
	int lfd;

	if (argc != 7)
		errx(2, "usage: pkcs11 MODULE TOKEN PIN-FILE KEY CHAIN.pem PORT");
	open_token(&token, argv);
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_identity *chain = tlsmith_identity_load_chain(argv[5]);
	if (chain == NULL)
		errx(1, "%s", tlsmith_last_error());
	const char *pem = tlsmith_identity_cert_pem(chain);
	tlsmith_identity *id = tlsmith_identity_external(pem, strlen(pem), sign, &token);
	if (id == NULL || tlsmith_ctx_use(ctx, id) < 0 ||
	    (lfd = tlsmith_listen("127.0.0.1", argv[6])) < 0)
		errx(1, "%s", tlsmith_last_error());
	getsockname(lfd, (struct sockaddr *)&address, &size);
	printf("listening on %d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		tlsmith_conn *c = tlsmith_conn_new(ctx);
		tlsmith_conn_set_timeout(c, 10000);
		if (tlsmith_accept(c, lfd) == 0 && pthread_create(&thread, NULL, serve, c) == 0) {
			pthread_detach(thread);
		} else {
			warnx("a client is sent away: %s", tlsmith_conn_error(c));
			tlsmith_conn_free(c);
		}
	}
}
