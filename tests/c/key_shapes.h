/* The shapes in which a private key is given where it does not belong. */
#ifndef KEY_SHAPES_H
#define KEY_SHAPES_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 8192, MOST_SHAPES = 64 };

typedef struct {
	const char *what;
	char data[LONGEST];
	size_t length;
} shape;

static unsigned char der[256], secret[32];
static size_t der_length;
static shape shapes[MOST_SHAPES];
static size_t shape_count;

static void add(const char *name, const void *data, size_t length)
{
	shape *new = &shapes[shape_count++];

	if (shape_count == MOST_SHAPES || length >= LONGEST)
		abort();
	new->what = name;
	memcpy(new->data, data, length);
	new->length = length;
}

__attribute__((format(printf, 2, 3))) static void add_text(const char *name, const char *format, ...)
{
	char text[LONGEST];
	va_list values;

	va_start(values, format);
	add(name, text, (size_t)vsnprintf(text, sizeof text, format, values));
	va_end(values);
}

/* The text with each newline replaced. */
static const char *with_ends(const char *text, const char *end)
{
	static char out[4][LONGEST];
	static int next;
	char *into = out[next = (next + 1) % 4];
	size_t length = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			strcpy(into + length, end);
			length += strlen(end);
		} else {
			into[length++] = *text;
		}
	}
	into[length] = '\0';
	return into;
}

static void to_base64(const unsigned char *data, size_t length, char *out)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		unsigned group = (unsigned)data[i] << 16;
		group |= i + 1 < length ? (unsigned)data[i + 1] << 8 : 0;
		group |= i + 2 < length ? data[i + 2] : 0;
		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
		*out++ = i + 2 < length ? digits[group & 63] : '=';
	}
	*out = '\0';
}

static void to_hex(const unsigned char *data, size_t length, const char *format, char *out)
{
	for (size_t i = 0; i < length; i++)
		out += sprintf(out, format, data[i]);
}

static void fill_shapes(const char *pem)
{
	static const char *labels[] = { "CERTIFICATE", "CERTIFICATE REQUEST", "X509 CRL",
		"ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "PKCS7", "PUBLIC KEY",
		"TRUSTED CERTIFICATE", "EC PRIVATE KEY", "RSA PRIVATE KEY" };
	char trimmed[LONGEST], body[LONGEST], lines[LONGEST], whole[512], part[128], hex[1024];
	unsigned char wide[LONGEST];
	size_t length = strlen(pem), at;

	shape_count = 0;
	strcpy(trimmed, pem);
	trimmed[length - 1] = '\0';
	to_base64(der, der_length, whole);
	strcpy(lines, strchr(pem, '\n') + 1);
	*strstr(lines, "-----END") = '\0';
	strcpy(body, with_ends(lines, ""));
	add("intact", pem, length);
	add_text("escaped", "%s", with_ends(trimmed, "\\n"));
	add_text("carriage returns", "%s", with_ends(pem, "\r"));
	add_text("carriage returns, trimmed", "%s", with_ends(trimmed, "\r"));
	add_text("spaces", "%s", with_ends(trimmed, " "));
	add_text("joined", "%s", with_ends(pem, ""));
	add_text("quoted", "\"%s\"", with_ends(trimmed, "\\n"));
	add_text("apostrophes", "'%s'", trimmed);
	add_text("JSON", "{\"key\": \"%s\"}", with_ends(trimmed, "\\n"));
	add_text("an assignment", "KEY=%s", with_ends(trimmed, " "));
	add_text("garbage in front", "garbage %s", pem);
	add_text("no BEGIN", "%s", strchr(pem, '\n') + 1);
	add("no END", pem, length - 12);
	add("half", pem, length / 2);
	add_text("base64", "%s", body);
	add("base64 without padding", body, strcspn(body, "="));
	add_text("lines of base64", "%s", lines);
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		add_text(labels[i], "-----BEGIN %s-----\n%s-----END %s-----\n", labels[i], lines,
		    labels[i]);
	add_text("headers of an encrypted key", "-----BEGIN EC PRIVATE KEY-----\nProc-Type: "
	    "4,ENCRYPTED\nDEK-Info: %s,00\n\n%s-----END EC PRIVATE KEY-----\n", whole, lines);
	add_text("the key as its label", "-----BEGIN %s-----\n%s-----END %s-----\n", whole, lines,
	    whole);
	to_hex(der, der_length, "%02x", hex);
	add_text("hex", "%s", hex);
	to_hex(der, der_length, "%02X", hex);
	add_text("capital hex", "%s", hex);
	to_hex(der, der_length, "%02x:", hex);
	add_text("hex with colons", "%s", hex);
	to_hex(secret, sizeof secret, "%02x", hex);
	add_text("secret in hex", "%s", hex);
	to_base64(secret, sizeof secret, part);
	add_text("secret in base64", "%s", part);
	for (at = 0; at < length; at++) {
		wide[2 * at] = (unsigned char)pem[at];
		wide[2 * at + 1] = 0;
	}
	add("UTF-16", wide, 2 * length);
	add("DER", der, der_length);
	add("half DER", der, der_length - 3);
	memcpy(whole, der, der_length);
	memset(whole + der_length, 0, 2);
	add("longer DER", whole, der_length + 2);
	whole[0] = 0x30;
	whole[1] = (char)(0x81);
	whole[2] = (char)der_length;
	memcpy(whole + 3, der, der_length);
	add("DER in DER", whole, der_length + 3);
	add("secret bytes", secret, sizeof secret);
}

#endif
