/*
 * json_read.h - JSON (RFC 8259) read from a descriptor, value by value: what is held does not grow
 * with the document. One document, or several one after the other (a line each, for example).
 *
 * An object or array comes when it opens, then what it holds, then JSON_CLOSE:
 *
 *     while ((status = json_read(reader, &value, err)) == MR_OK && value.kind != JSON_CLOSE)
 *         if (strcmp(value.key, "size") == 0)
 *             is_number = json_to_unsigned(&value, &size);
 *         else if ((status = json_skip(reader, &value, err)) != MR_OK)
 *             break;
 */
#ifndef MR_BASE_JSON_READ_H
#define MR_BASE_JSON_READ_H

#include <stdint.h>

#include "millrace/status.h"

#define JSON_DEPTH_MAX      64              /* objects and arrays in each other */
#define JSON_KEY_MAX_BYTES  255             /* of a member's name */
#define JSON_TEXT_MAX_BYTES (64 * 1024 - 1) /* of a text or a number */

enum json_kind {
    JSON_OBJECT, /* opens */
    JSON_ARRAY,  /* opens */
    JSON_CLOSE,  /* of what was opened last and is open */
    JSON_TEXT,
    JSON_NUMBER,
    JSON_BOOL,
    JSON_NULL
};

/* Its texts are the reader's, and valid until the next call. */
struct json_value {
    enum json_kind kind;
    const char *key;  /* its name in the object that holds it; "" elsewhere, and for JSON_CLOSE */
    const char *text; /* JSON_TEXT: without escapes; JSON_NUMBER: as it is written; else "" */
    size_t length;    /* of text, in bytes: a NUL follows, and JSON_TEXT may hold more of them */
    bool is_true;     /* JSON_BOOL */
};

struct json_reader;

/* Reads from where fd stands; fd stays the caller's. name, for messages, is copied. MR_OK,
 * MR_E_MEMORY. */
enum mr_status json_reader_create(int fd, const char *name, struct json_reader **reader,
                                  struct mr_error *err);
void json_reader_destroy(struct json_reader *reader); /* NULL is a no-op */

/*
 * The next value. MR_OK; MR_DONE: after the last document; MR_E_DATA: no JSON, or it breaks off
 * (*err names the line); MR_E_LIMIT: deeper or longer than the limits above; MR_E_SYSTEM. What is
 * no MR_OK stays so. Bytes of a text that are no UTF-8 come as they are; an escape that is half of
 * a pair becomes U+FFFD.
 */
enum mr_status json_read(struct json_reader *reader, struct json_value *value,
                         struct mr_error *err);
/* Passes over what an object or array that has just opened holds, its end included; over nothing
 * for other values. Statuses of json_read(), but for MR_DONE. */
enum mr_status json_skip(struct json_reader *reader, const struct json_value *value,
                         struct mr_error *err);

/* False, and *number untouched, for what is no number or does not fit. */
bool json_to_unsigned(const struct json_value *value, uint64_t *number);
/* Like json_to_unsigned(); in the locale of the calling thread, which must have the decimal point.
 */
bool json_to_real(const struct json_value *value, double *number);
/* The bytes of a text in base64 (RFC 4648, section 4), as KEY_b64 of json.h has them. False when it
 * is none, or has room for more than cap_bytes. */
bool json_to_bytes(const struct json_value *value, char *bytes, size_t cap_bytes, size_t *count);

#endif
