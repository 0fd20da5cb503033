/* gzip data around an archive: members, padding, damage at every bit, ends at every byte, input in pieces of every size. */
#include "source/archive_gzip.h"

#include <zlib.h>

#include "support/support.h"

struct input {
    const unsigned char *data;
    size_t bytes, at, piece_bytes;
    bool fails_at_end;
};

static ssize_t pull(void *ctx, const void **data)
{
    struct input *input = ctx;
    size_t left = input->bytes - input->at;
    size_t got = left < input->piece_bytes ? left : input->piece_bytes;
    if (got == 0 && input->fails_at_end)
        return -1;
    *data = input->data + input->at;
    input->at += got;
    return (ssize_t)got;
}

/* One member of data at out; returns its size. */
static size_t pack(const unsigned char *data, size_t bytes, unsigned char *out, size_t cap_bytes)
{
    z_stream stream = {.next_in = (unsigned char *)data,
                       .avail_in = (uInt)bytes,
                       .next_out = out,
                       .avail_out = (uInt)cap_bytes};
    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t made = cap_bytes - stream.avail_out;
    deflateEnd(&stream);
    return made;
}

/* Reads all of input: the plain bytes in *plain (the caller's to free) and their number, or -1 with the problem. */
static ssize_t read_all(struct input *input, unsigned char **plain, const char **problem)
{
    struct archive_gzip *gzip;
    size_t count = 0;
    const void *data;
    ssize_t got;
    *plain = NULL;
    ck_assert_int_eq(archive_gzip_create(pull, input, &gzip), MR_OK);
    while ((got = archive_gzip_read(gzip, &data, problem)) > 0) {
        *plain = realloc(*plain, count + (size_t)got);
        memcpy(*plain + count, data, (size_t)got);
        count += (size_t)got;
    }
    archive_gzip_destroy(gzip);
    return got < 0 ? got : (ssize_t)count;
}

START_TEST(members_and_padding_in_pieces_of_every_size)
{
    unsigned char *text = support_text(7, 900000), *packed = malloc(1000000), *plain;
    size_t bytes = pack(text, 300000, packed, 1000000);
    bytes += pack(text + 300000, 0, packed + bytes, 1000000 - bytes);
    bytes += pack(text + 300000, 600000, packed + bytes, 1000000 - bytes);
    memset(packed + bytes, 0, 700);
    static const size_t pieces[] = {1, 7, 4096, 1000000};
    for (size_t i = 0; i < 4; i++) {
        const char *problem = NULL;
        struct input input = {packed, bytes + 700, 0, pieces[i], false};
        ck_assert_int_eq(read_all(&input, &plain, &problem), 900000);
        ck_assert_mem_eq(plain, text, 900000);
        free(plain);
    }
    free(text);
    free(packed);
}
END_TEST

START_TEST(every_end_is_noticed)
{
    unsigned char *text = support_text(8, 3000), packed[4000], *plain;
    size_t bytes = pack(text, 3000, packed, sizeof(packed));
    for (size_t cut = 0; cut < bytes; cut++) {
        const char *problem = NULL;
        struct input input = {packed, cut, 0, 64, false};
        ck_assert_int_eq(read_all(&input, &plain, &problem), -1);
        ck_assert_ptr_nonnull(problem);
        free(plain);
    }
    free(text);
}
END_TEST

START_TEST(every_flipped_bit_is_noticed_or_does_not_matter)
{
    unsigned char *text = support_text(9, 2000), packed[3000], *plain;
    size_t bytes = pack(text, 2000, packed, sizeof(packed));
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        const char *problem = NULL;
        struct input input = {packed, bytes, 0, sizeof(packed), false};
        packed[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        ssize_t got = read_all(&input, &plain, &problem);
        packed[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        if (got >= 0) {
            ck_assert_int_eq(got, 2000);
            ck_assert_mem_eq(plain, text, 2000);
        }
        free(plain);
    }
    free(text);
}
END_TEST

START_TEST(a_failed_read_is_no_damage)
{
    unsigned char *text = support_text(10, 3000), packed[4000], *plain;
    size_t bytes = pack(text, 3000, packed, sizeof(packed));
    const char *problem = NULL;
    struct input input = {packed, bytes / 2, 0, 100, true};
    ck_assert_int_eq(read_all(&input, &plain, &problem), -1);
    ck_assert_ptr_null(problem);
    free(plain);
    free(text);
}
END_TEST

Suite *archive_gzip_suite(void)
{
    Suite *suite = suite_create("archive_gzip");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, members_and_padding_in_pieces_of_every_size);
    tcase_add_test(tcase, every_end_is_noticed);
    tcase_add_test(tcase, every_flipped_bit_is_noticed_or_does_not_matter);
    tcase_add_test(tcase, a_failed_read_is_no_damage);
    suite_add_tcase(suite, tcase);
    return suite;
}
