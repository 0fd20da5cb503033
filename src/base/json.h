/* json.h - JSON (RFC 8259) on a stdio stream or into memory: flat objects, one a line, or nested
 * ones. Names that are no UTF-8 keep their bytes in base64 beside. */
#ifndef MR_BASE_JSON_H
#define MR_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out; /* NULL: memory */
    char *at, *end;
    bool is_cut;  /* it does not fit there */
    size_t count; /* members written */
};

void json_open(struct json *json, FILE *out);
/* Into the bytes from at to end, with no NUL behind them. */
void json_open_memory(struct json *json, char *at, char *end);
/* A newline follows. */
void json_close(struct json *json);
/* key is plain ASCII. What is no UTF-8 in text becomes U+FFFD, and a second member KEY_b64 has the
 * bytes. */
void json_text(struct json *json, const char *key, const char *text);
/* The end of text, from the beginning of a line where that can be, that takes max_bytes at most as
 * it is written. What is no UTF-8 becomes U+FFFD, and that is all. */
void json_text_end(struct json *json, const char *key, const char *text, size_t max_bytes);
void json_number(struct json *json, const char *key, int64_t number);
void json_unsigned(struct json *json, const char *key, uint64_t number);
void json_bool(struct json *json, const char *key, bool value);
/* A number that is not finite becomes null. */
void json_real(struct json *json, const char *key, double number);

/* Members go into what was opened last, until its end. */
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
/* An object as an element of the array that was opened last; ends with json_object_end(). */
void json_element(struct json *json);

#endif
