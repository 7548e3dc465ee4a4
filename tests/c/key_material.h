/* Whether a text holds eight bytes in a row of a secret, in whatever encoding. */
#ifndef KEY_MATERIAL_H
#define KEY_MATERIAL_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 8 };

/* Some bytes that a text may stand for. */
typedef struct {
	unsigned char *data;
	size_t length;
} decoded;

static decoded decoded_room(size_t length)
{
	return (decoded){ calloc(1, length + 1), 0 };
}

static bool holds(decoded bytes, const unsigned char *secret, size_t length)
{
	for (size_t at = 0; at + PART <= bytes.length; at++)
		for (size_t part = 0; part + PART <= length; part++)
			if (memcmp(bytes.data + at, secret + part, PART) == 0)
				return true;
	return false;
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *found = strchr(digits, c);

	return c == '\0' || found == NULL ? -1 : (int)((found - digits) % 16);
}

static int base64_value(char c)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return found == NULL ? -1 : (int)(found - digits);
}

static int hex_pair(const char *text)
{
	int high = hex_value(text[0]), low = high < 0 ? -1 : hex_value(text[1]);

	return low < 0 ? -1 : high * 16 + low;
}

/* The text without escapes: those of C and Rust, of URLs and of RFC 4514.  Characters below
 * U+0100 become bytes if `is_latin`. */
static decoded unescaped(const char *text, bool is_latin)
{
	decoded out = decoded_room(strlen(text));

	while (*text != '\0') {
		unsigned char first = (unsigned char)*text;
		const char *ends = strchr("n\nr\rt\t0", text[1]);
		int value = -1, length = 1;

		if (first == '%' && (value = hex_pair(text + 1)) >= 0) {
			length = 3;
		} else if (first == '\\' && text[1] == 'x' && (value = hex_pair(text + 2)) >= 0) {
			length = 4;
		} else if (first == '\\' && strncmp(text, "\\u{", 3) == 0) {
			char *end;
			value = (int)strtol(text + 3, &end, 16);
			length = *end == '}' ? (int)(end + 1 - text) : 1;
			value = *end == '}' && value < 256 ? value : -1;
		} else if (first == '\\' && (value = hex_pair(text + 1)) >= 0) {
			length = 3;
		} else if (first == '\\' && text[1] != '\0' && ends != NULL) {
			value = ends[0] == '0' ? 0 : ends[1];
			length = 2;
		} else if (first == '\\' && text[1] != '\0' && strchr("\\'\"", text[1]) != NULL) {
			value = text[1];
			length = 2;
		} else if (is_latin && (first == 0xc2 || first == 0xc3) && text[1] != '\0') {
			value = (first & 3) << 6 | ((unsigned char)text[1] & 0x3f);
			length = 2;
		}
		out.data[out.length++] = (unsigned char)(value < 0 ? first : value);
		text += length;
	}
	return out;
}

/* What the hex digits of a text stand for, whatever separates them, from the first or the
 * second of them on. */
static decoded from_hex(const char *text, bool skip)
{
	decoded out = decoded_room(strlen(text));
	int high = -1;

	for (; *text != '\0'; text++) {
		int value = hex_value(*text);
		if (strncmp(text, "0x", 2) == 0 || strncmp(text, "\\x", 2) == 0) {
			text++;
		} else if (value < 0 && strchr(" :,-%\\", *text) == NULL) {
			out.data[out.length++] = 0;
			high = -1;
		} else if (value >= 0 && skip) {
			skip = false;
		} else if (value >= 0 && high < 0) {
			high = value;
		} else if (value >= 0) {
			out.data[out.length++] = (unsigned char)(high * 16 + value);
			high = -1;
		}
	}
	return out;
}

/* What the digits of Base64 in a text stand for, where a byte begins at this bit. */
static decoded from_base64(const char *text, int first_bit)
{
	decoded out = decoded_room(strlen(text));
	unsigned bits = 0;
	int count = -first_bit;

	for (; *text != '\0'; text++) {
		int value = base64_value(*text);
		if (value < 0) {
			bits = 0;
			count = -first_bit;
			out.data[out.length++] = 0;
			continue;
		}
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out.data[out.length++] = (unsigned char)(bits >> count);
		}
	}
	return out;
}

/* What a list of decimal numbers stands for. */
static decoded from_numbers(const char *text)
{
	decoded out = decoded_room(strlen(text));

	while (*text != '\0') {
		char *end;
		if (*text < '0' || *text > '9') {
			text++;
			continue;
		}
		out.data[out.length++] = (unsigned char)strtoul(text, &end, 10);
		text = end;
	}
	return out;
}

/* The encoding in which a text holds a part of the secret, or NULL. */
static inline const char *key_material_in(const char *text, const unsigned char *secret,
    size_t length)
{
	decoded plain = unescaped(text, false);
	decoded all[] = {
		plain, unescaped(text, true), from_hex(text, false), from_hex(text, true),
		from_base64(text, 0), from_base64(text, 2), from_base64(text, 4), from_base64(text, 6),
		from_base64((char *)plain.data, 0), from_base64((char *)plain.data, 2),
		from_base64((char *)plain.data, 4), from_base64((char *)plain.data, 6),
		from_numbers(text),
	};
	const char *names[] = {
		"bytes", "escapes", "hex", "hex", "Base64", "Base64", "Base64", "Base64",
		"escaped Base64", "escaped Base64", "escaped Base64", "escaped Base64", "numbers",
	};
	const char *found = NULL;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (found == NULL && holds(all[i], secret, length))
			found = names[i];
		free(all[i].data);
	}
	return found;
}

#endif
