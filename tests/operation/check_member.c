/* What decodes, encodes and moves the members of a container: the same bytes however they come, and
 * every damage noticed. */
#include "operation/internals.h"
#include "operation/member.h"

#include <zlib.h>

#include "config.h"
#include "drive.h"
#include "operation/operations.h"

Suite *member_suite(void);

struct bytes {
    unsigned char *data;
    size_t count;
};

static struct bytes deflate_by_zlib(const void *data, size_t bytes, int level, int window_bits)
{
    z_stream stream = {0};
    ck_assert_int_eq(deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    struct bytes out = {malloc(deflateBound(&stream, bytes) + 32), 0};
    stream.next_in = (unsigned char *)(uintptr_t)data;
    stream.avail_in = (uInt)bytes;
    stream.next_out = out.data;
    stream.avail_out = (uInt)deflateBound(&stream, bytes) + 32;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.count = stream.total_out;
    deflateEnd(&stream);
    return out;
}

/* The whole of data must be one raw stream, or one gzip member. */
static struct bytes inflate_by_zlib(const void *data, size_t bytes, size_t plain_bytes,
                                    int window_bits)
{
    struct bytes out = {malloc(plain_bytes + 1), 0};
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data,
                       .avail_in = (uInt)bytes,
                       .next_out = out.data,
                       .avail_out = (uInt)plain_bytes + 1};
    ck_assert_int_eq(inflateInit2(&stream, window_bits), Z_OK);
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(stream.avail_in, 0);
    out.count = stream.total_out;
    inflateEnd(&stream);
    return out;
}

static struct mr_entry entry_of(const void *plain, size_t plain_bytes, enum mr_method method,
                                size_t stored_bytes)
{
    struct mr_entry entry = drive_entry("a", plain_bytes);
    entry.has_encoding = true;
    entry.encoding = (struct mr_encoding){.method = method,
                                          .has_crc = true,
                                          .crc = (uint32_t)crc32_z(0, plain, plain_bytes),
                                          .stored_bytes = (int64_t)stored_bytes};
    return entry;
}

struct cut {
    size_t in_bytes, out_bytes;
};
static const struct cut cuts[] = {
    {1 << 21, 1 << 22}, {1000, 1 << 20}, {1 << 20, 77}, {1, 1}, {0, 0}};
#define CUT_COUNT ((int)(sizeof(cuts) / sizeof(cuts[0])))

static void *config_for(const struct mr_operation *operation)
{
    void *config = NULL;
    if (operation->config_destroy)
        ck_assert_int_eq(member_config(MR_METHOD_DEFLATE, 6, &config, NULL), MR_OK);
    return config;
}

/* One item through an operation. What encoding() says is put into *encoding and *plain_bytes when
 * the operation has it. */
static enum mr_status run(const struct mr_operation *operation, const struct mr_entry *entry,
                          struct bytes in, const struct cut *cut, struct drive *drive,
                          struct mr_encoding *encoding, int64_t *plain_bytes)
{
    void *config = config_for(operation);
    *drive = (struct drive){.operation = operation,
                            .in_chunk_bytes = cut->in_bytes,
                            .out_chunk_bytes = cut->out_bytes,
                            .seed = 5};
    ck_assert_int_eq(operation->state_create(config, &drive->state, NULL), MR_OK);
    enum mr_status status = MR_OK;
    for (int again = 0; again < 2; again++) { /* a state is used for one item after the other */
        free(drive->out);
        status = drive_run(drive, entry, in.data, in.count);
    }
    const struct mr_encoding *said = NULL;
    if (status == MR_DONE && encoding)
        said = operation_encoding(operation, drive->state, plain_bytes);
    if (said)
        *encoding = *said;
    operation->state_destroy(drive->state);
    if (config)
        operation->config_destroy(config);
    return status;
}

static struct bytes text_of(size_t bytes)
{
    return (struct bytes){support_text(3, bytes > 0 ? bytes : 1), bytes};
}

static const size_t sizes[] = {0, 1, 5000, 70000, (1 << 20) + 3};
#define SIZE_COUNT ((int)(sizeof(sizes) / sizeof(sizes[0])))

/* Bytes one at a time take long on large content. */
static bool is_too_slow(size_t bytes, const struct cut *cut)
{
    return bytes > 80000 && (cut->in_bytes <= 1 || cut->out_bytes <= 77);
}

START_TEST(members_are_decoded_and_checked)
{
    struct bytes plain = text_of(sizes[_i]);
    struct bytes packed = deflate_by_zlib(plain.data, plain.count, 6, -15);
    for (int c = 0; c < CUT_COUNT; c++) {
        struct drive drive;
        if (is_too_slow(plain.count, &cuts[c]))
            continue;
        struct mr_entry entry = entry_of(plain.data, plain.count, MR_METHOD_DEFLATE, packed.count);
        ck_assert_int_eq(
            run(&operation_member_inflate, &entry, packed, &cuts[c], &drive, NULL, NULL), MR_DONE);
        ck_assert_out(&drive, plain.data, plain.count);
        free(drive.out);
        entry.encoding.method = MR_METHOD_PLAIN;
        ck_assert_int_eq(run(&operation_member_check, &entry, plain, &cuts[c], &drive, NULL, NULL),
                         MR_DONE);
        ck_assert_out(&drive, plain.data, plain.count);
        free(drive.out);
    }
    free(packed.data);
    free(plain.data);
}
END_TEST

static void expect_data_error(const struct mr_operation *operation, const struct mr_entry *entry,
                              struct bytes in)
{
    for (int c = 0; c < 2; c++) {
        struct drive drive;
        ck_assert_int_eq(run(operation, entry, in, &cuts[c], &drive, NULL, NULL), MR_E_DATA);
        free(drive.out);
    }
}

/* What follows is left out, and told. */
static void expect_remark(const struct mr_operation *operation, const struct mr_entry *entry,
                          struct bytes in)
{
    for (int c = 0; c < 2; c++) {
        struct drive drive;
        ck_assert_int_eq(run(operation, entry, in, &cuts[c], &drive, NULL, NULL), MR_DONE);
        ck_assert(drive.remark && strstr(drive.remark, "trailing garbage"));
        free(drive.out);
    }
}

START_TEST(damage_is_noticed)
{
    static const struct mr_operation *const operations[] = {
        &operation_member_inflate, &operation_member_pass, &operation_member_to_gzip};
    const struct mr_operation *operation = operations[_i];
    struct bytes plain = text_of(20000);
    struct bytes packed = deflate_by_zlib(plain.data, plain.count, 6, -15);
    struct mr_entry good = entry_of(plain.data, plain.count, MR_METHOD_DEFLATE, packed.count);
    struct mr_entry bad = good;
    bad.encoding.crc ^= 1;
    expect_data_error(operation, &bad, packed);
    bad = good;
    bad.size_bytes--;
    expect_data_error(operation, &bad, packed);
    bad.size_bytes += 2;
    expect_data_error(operation, &bad, packed);
    struct bytes cut = {packed.data, packed.count - 1};
    expect_data_error(operation, &good, cut);
    struct bytes longer = {malloc(packed.count + 1), packed.count + 1};
    memcpy(longer.data, packed.data, packed.count);
    longer.data[packed.count] = 0;
    expect_data_error(operation, &good, longer);
    memset(longer.data, 0xff, 8);
    expect_data_error(operation, &good, longer);
    free(longer.data);
    free(packed.data);
    free(plain.data);
}
END_TEST

START_TEST(content_is_encoded_and_summed_up)
{
    static const struct mr_operation *const operations[] = {&operation_member_store,
                                                            &operation_member_pack};
    struct bytes plain = text_of(sizes[_i]);
    for (int o = 0; o < 2; o++) {
        struct bytes first = {NULL, 0};
        for (int c = 0; c < CUT_COUNT; c++) {
            struct drive drive;
            struct mr_encoding encoding;
            int64_t plain_bytes = -1;
            if (is_too_slow(plain.count, &cuts[c]))
                continue;
            struct mr_entry entry = drive_entry("a", plain.count);
            ck_assert_int_eq(
                run(operations[o], &entry, plain, &cuts[c], &drive, &encoding, &plain_bytes),
                MR_DONE);
            ck_assert_int_eq(plain_bytes, (int64_t)plain.count);
            ck_assert_int_eq(encoding.stored_bytes, (int64_t)drive.out_bytes);
            ck_assert(encoding.has_crc);
            ck_assert_uint_eq(encoding.crc, crc32_z(0, plain.data, plain.count));
            if (encoding.method == MR_METHOD_PLAIN) {
                ck_assert_out(&drive, plain.data, plain.count);
            } else {
                struct bytes back = inflate_by_zlib(drive.out, drive.out_bytes, plain.count, -15);
                ck_assert_uint_eq(back.count, plain.count);
                ck_assert(memcmp(back.data, plain.data, plain.count) == 0);
                free(back.data);
            }
            ck_assert_int_eq(encoding.method == MR_METHOD_DEFLATE, o == 1 && plain.count > 1);
            if (c == 0) {
                first = (struct bytes){drive.out, drive.out_bytes};
                continue;
            }
            ck_assert_out(&drive, first.data, first.count);
            free(drive.out);
        }
        free(first.data);
    }
    free(plain.data);
}
END_TEST

START_TEST(noise_stays_plain)
{
    struct bytes noise = {support_noise(9, 50000), 50000};
    struct mr_entry entry = drive_entry("a", noise.count);
    struct drive drive;
    struct mr_encoding encoding;
    int64_t plain_bytes;
    ck_assert_int_eq(
        run(&operation_member_pack, &entry, noise, &cuts[_i], &drive, &encoding, &plain_bytes),
        MR_DONE);
    ck_assert_int_eq(encoding.method, MR_METHOD_PLAIN);
    ck_assert_out(&drive, noise.data, noise.count);
    free(drive.out);
    free(noise.data);
}
END_TEST

START_TEST(deflate_data_is_moved_as_it_is)
{
    struct bytes plain = text_of(sizes[_i]);
    struct bytes packed = deflate_by_zlib(plain.data, plain.count, 9, -15);
    for (int c = 0; c < CUT_COUNT; c++) {
        struct drive drive;
        struct mr_encoding encoding;
        int64_t plain_bytes = -1;
        if (is_too_slow(plain.count, &cuts[c]))
            continue;
        struct mr_entry entry = entry_of(plain.data, plain.count, MR_METHOD_DEFLATE, packed.count);
        ck_assert_int_eq(
            run(&operation_member_pass, &entry, packed, &cuts[c], &drive, &encoding, &plain_bytes),
            MR_DONE);
        ck_assert_out(&drive, packed.data, packed.count);
        ck_assert_int_eq(plain_bytes, (int64_t)plain.count);
        ck_assert_uint_eq(encoding.crc, entry.encoding.crc);
        ck_assert_int_eq(encoding.stored_bytes, (int64_t)packed.count);
        free(drive.out);
        ck_assert_int_eq(
            run(&operation_member_to_gzip, &entry, packed, &cuts[c], &drive, NULL, NULL), MR_DONE);
        ck_assert_uint_eq(drive.out_bytes, packed.count + 18);
        struct bytes back = inflate_by_zlib(drive.out, drive.out_bytes, plain.count, 15 + 16);
        ck_assert_uint_eq(back.count, plain.count);
        ck_assert(memcmp(back.data, plain.data, plain.count) == 0);
        free(back.data);
        free(drive.out);
    }
    free(packed.data);
    free(plain.data);
}
END_TEST

/* Levels 0 to 9 end at every bit of a byte, and in stored blocks. */
START_TEST(gzip_members_are_joined)
{
    enum { MEMBERS = 12 };
    struct bytes plain = text_of(40000), packed = {malloc(1 << 20), 0};
    size_t at = 0;
    for (int m = 0; m < MEMBERS; m++) {
        size_t part = m == MEMBERS - 1 ? plain.count - at : (size_t)(m * m * 17 % 4000);
        struct bytes member = deflate_by_zlib(plain.data + at, part, m % 10, 15 + 16);
        memcpy(packed.data + packed.count, member.data, member.count);
        packed.count += member.count;
        at += part;
        free(member.data);
    }
    struct mr_entry entry = drive_entry("a.gz", packed.count);
    for (int c = 0; c < CUT_COUNT; c++) {
        struct drive drive;
        struct mr_encoding encoding;
        int64_t plain_bytes = -1;
        ck_assert_int_eq(run(&operation_gzip_to_member, &entry, packed, &cuts[c], &drive, &encoding,
                             &plain_bytes),
                         MR_DONE);
        ck_assert_int_eq(encoding.stored_bytes, (int64_t)drive.out_bytes);
        ck_assert_int_eq(plain_bytes, (int64_t)plain.count);
        ck_assert_uint_eq(encoding.crc, crc32_z(0, plain.data, plain.count));
        struct bytes back = inflate_by_zlib(drive.out, drive.out_bytes, plain.count, -15);
        ck_assert_uint_eq(back.count, plain.count);
        ck_assert(memcmp(back.data, plain.data, plain.count) == 0);
        free(back.data);
        free(drive.out);
    }
    /* A wrong checksum, a cut, garbage. */
    packed.data[packed.count - 6] ^= 1;
    expect_data_error(&operation_gzip_to_member, &entry, packed);
    packed.data[packed.count - 6] ^= 1;
    struct bytes cut = {packed.data, packed.count - 1};
    expect_data_error(&operation_gzip_to_member, &entry, cut);
    packed.data[packed.count++] = 'x';
    expect_remark(&operation_gzip_to_member, &entry, packed);
    free(packed.data);
    free(plain.data);
}
END_TEST

/* What gunzip refuses is not moved either: a member behind padding, what is no gzip data, nothing.
 */
START_TEST(what_gunzip_refuses_is_not_moved)
{
    static const char padding[] = "\0\0\0\0\0";
    struct bytes member = deflate_by_zlib("text", 4, 6, 15 + 16);
    struct bytes packed = {malloc(2 * member.count + sizeof(padding)), member.count};
    memcpy(packed.data, member.data, member.count);
    memcpy(packed.data + packed.count, padding, sizeof(padding));
    packed.count += sizeof(padding);
    struct mr_entry entry = drive_entry("a.gz", packed.count);
    const struct mr_operation *const ways[] = {&operation_gunzip, &operation_gzip_to_member};
    for (int w = 0; w < 2; w++) {
        struct drive drive;
        ck_assert_int_eq(run(ways[w], &entry, packed, &cuts[1], &drive, NULL, NULL), MR_DONE);
        free(drive.out);
        struct bytes behind = {packed.data, packed.count + member.count};
        memcpy(packed.data + packed.count, member.data, member.count);
        expect_remark(ways[w], &entry, behind);
        struct bytes text = {(unsigned char *)(uintptr_t) "no gzip", 7}, nothing = {text.data, 0};
        expect_data_error(ways[w], &entry, text);
        expect_data_error(ways[w], &entry, nothing);
    }
    free(packed.data);
    free(member.data);
}
END_TEST

Suite *member_suite(void)
{
    Suite *suite = suite_create("member");
    TCase *tests = tcase_create("member");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, members_are_decoded_and_checked, 0, SIZE_COUNT);
    tcase_add_loop_test(tests, damage_is_noticed, 0, 3);
    tcase_add_loop_test(tests, content_is_encoded_and_summed_up, 0, SIZE_COUNT);
    tcase_add_loop_test(tests, noise_stays_plain, 0, 3);
    tcase_add_loop_test(tests, deflate_data_is_moved_as_it_is, 0, SIZE_COUNT);
    tcase_add_test(tests, gzip_members_are_joined);
    tcase_add_test(tests, what_gunzip_refuses_is_not_moved);
    suite_add_tcase(suite, tests);
    return suite;
}
