/* json.h - one flat JSON object a line, on a stdio stream. Names that are no UTF-8 keep their bytes
 * in base64 beside. */
#ifndef MR_CLI_JSON_H
#define MR_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    size_t count; /* members written */
};

void json_open(struct json *json, FILE *out);
/* A newline follows. */
void json_close(struct json *json);
/* key is plain ASCII. What is no UTF-8 in text becomes U+FFFD, and a second member KEY_b64 has the
 * bytes. */
void json_text(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, int64_t number);
void json_unsigned(struct json *json, const char *key, uint64_t number);
void json_bool(struct json *json, const char *key, bool value);

#endif
