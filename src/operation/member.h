/*
 * member.h - operations for containers that keep every member encoded on its own (zip): what
 * decodes a member and checks its CRC, what encodes one, and what moves deflate data from one
 * wrapping to another without compressing it again.
 *
 * They are not in the registry: the job puts them before and behind the operations of the run. The
 * decoding and moving ones read entry->encoding and entry->size_bytes of start(); those that encode
 * for a container have encoding().
 */
#ifndef MR_OPERATION_MEMBER_H
#define MR_OPERATION_MEMBER_H

#include "millrace/operation.h"

/*
 * Decoding: plain content whose size and CRC are checked; raw deflate (RFC 1951) likewise; a zlib
 * stream (RFC 1950), with the checksum that it brings.
 */
extern const struct mr_operation operation_member_check;
extern const struct mr_operation operation_member_inflate;
extern const struct mr_operation operation_member_unzlib;

/* Encoding: plain content, summed up; and what member_config() says, kept plain when that is not
 * smaller. */
extern const struct mr_operation operation_member_store;
extern const struct mr_operation operation_member_pack;

/*
 * Moving: raw deflate goes on as it is, into a container or into one gzip member (RFC 1952), after
 * its size and CRC were checked; the deflate data of gzip members is joined into one raw stream for
 * a container.
 */
extern const struct mr_operation operation_member_pass;
extern const struct mr_operation operation_member_to_gzip;
extern const struct mr_operation operation_gzip_to_member;

/* The config of operation_member_pack. method: not PLAIN. MR_OK, MR_E_MEMORY, MR_E_UNSUPPORTED (a
 * build without libzstd). */
enum mr_status member_config(enum mr_method method, int level, void **config, struct mr_error *err);

/* What has been checked of a member so far. */
struct member_sum {
    uint32_t crc;
    uint64_t bytes;
};
void member_sum_add(struct member_sum *sum, const void *data, size_t bytes);
/* Is it what entry->encoding and entry->size_bytes say? MR_OK, MR_E_DATA. */
enum mr_status member_sum_check(const struct member_sum *sum, const struct mr_entry *entry,
                                struct mr_error *err);

#endif
