#include "operation/pkt_line.h"

#include <assert.h>
#include <string.h>

void pkt_line_head(unsigned char head[PKT_HEAD_BYTES], size_t data_bytes)
{
    static const char digits[] = "0123456789abcdef";
    assert(data_bytes <= PKT_DATA_BYTES_MAX);
    size_t bytes = data_bytes + PKT_HEAD_BYTES;
    for (size_t i = PKT_HEAD_BYTES; i-- > 0; bytes >>= 4)
        head[i] = (unsigned char)digits[bytes & 15];
}

void pkt_line_flush(unsigned char head[PKT_HEAD_BYTES])
{
    memset(head, '0', PKT_HEAD_BYTES);
}

/* -1: it is none. Large letters are read too, as git reads them. */
static int digit_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The number that the head holds; -1: none, or none that a packet can have. 0: a flush packet. */
static int head_value(const unsigned char head[PKT_HEAD_BYTES])
{
    int value = 0;
    for (size_t i = 0; i < PKT_HEAD_BYTES; i++) {
        int digit = digit_value(head[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    /* 1 to 3 are too short to hold themselves; git's other protocols give them meanings. */
    bool is_short = value > 0 && value < (int)PKT_HEAD_BYTES;
    return is_short || value > (int)(PKT_DATA_BYTES_MAX + PKT_HEAD_BYTES) ? -1 : value;
}

/* Moves a part of the data out of the bytes. */
static enum pkt_event give_part(struct pkt_parser *parser, const unsigned char **bytes,
                                size_t *count, size_t max_bytes, struct pkt_part *part)
{
    size_t taken = parser->left_bytes < *count ? parser->left_bytes : *count;
    if (taken > max_bytes)
        taken = max_bytes;
    parser->left_bytes -= taken;
    *part = (struct pkt_part){*bytes, taken, parser->left_bytes == 0};
    if (part->is_end)
        parser->head_count = 0;
    *bytes += taken;
    *count -= taken;
    return PKT_DATA;
}

enum pkt_event pkt_parse(struct pkt_parser *parser, const unsigned char **bytes, size_t *count,
                         size_t max_bytes, struct pkt_part *part)
{
    while (!parser->is_bad) {
        if (parser->head_count == PKT_HEAD_BYTES) {
            if (*count == 0 || max_bytes == 0)
                return PKT_MORE;
            return give_part(parser, bytes, count, max_bytes, part);
        }
        if (*count == 0)
            return PKT_MORE;
        parser->head[parser->head_count++] = *(*bytes)++;
        --*count;
        if (parser->head_count < PKT_HEAD_BYTES)
            continue;
        int value = head_value(parser->head);
        parser->is_bad = value < 0;
        if (value == 0) {
            parser->head_count = 0;
            return PKT_FLUSH;
        }
        if (value > 0)
            parser->left_bytes = (size_t)value - PKT_HEAD_BYTES;
        if (value == (int)PKT_HEAD_BYTES)
            return give_part(parser, bytes, count, max_bytes, part);
    }
    return PKT_BAD;
}

bool pkt_is_inside(const struct pkt_parser *parser)
{
    return parser->head_count > 0;
}
