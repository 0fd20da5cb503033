/*
 * pkt_line.h - git's packets: four hexadecimal digits that count themselves and the data behind
 * them; "0000" is the flush packet, which ends a list or a content. Format: gitprotocol-common(5),
 * "pkt-line format".
 *
 * Pure: no I/O, no memory of its own. A parser is used by one thread at a time.
 */
#ifndef MR_OPERATION_PKT_LINE_H
#define MR_OPERATION_PKT_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define PKT_HEAD_BYTES     ((size_t)4)
#define PKT_DATA_BYTES_MAX ((size_t)65516) /* of one packet, without its head */

/* Writes the head of a packet with data_bytes (at most PKT_DATA_BYTES_MAX) of data behind it. */
void pkt_line_head(unsigned char head[PKT_HEAD_BYTES], size_t data_bytes);
/* Writes a flush packet. */
void pkt_line_flush(unsigned char head[PKT_HEAD_BYTES]);

/* Initialise with {0}. */
struct pkt_parser {
    unsigned char head[PKT_HEAD_BYTES];
    unsigned head_count; /* of the head: digits that are there */
    size_t left_bytes;   /* of the data, once the head is there */
    bool is_bad;
};

enum pkt_event {
    PKT_MORE,  /* the bytes are used up, or there is no room: nothing to be told */
    PKT_DATA,  /* a part of a packet's data */
    PKT_FLUSH, /* a flush packet */
    PKT_BAD    /* these are no packets; head holds what was there instead. It stays so */
};

struct pkt_part {
    const unsigned char *data; /* points into the bytes given */
    size_t bytes;              /* 0 for a packet without data */
    bool is_end;               /* the packet ends with it */
};

/*
 * Takes the next event from *bytes, which may be cut anywhere, and moves *bytes and *count past it.
 * part is filled for PKT_DATA, with at most max_bytes. With max_bytes 0 heads are taken, data is
 * not.
 */
enum pkt_event pkt_parse(struct pkt_parser *parser, const unsigned char **bytes, size_t *count,
                         size_t max_bytes, struct pkt_part *part);

/* Is it in the middle of a packet? */
bool pkt_is_inside(const struct pkt_parser *parser);

#endif
