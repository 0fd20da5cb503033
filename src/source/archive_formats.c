#include "source/archive_formats.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/path.h"
#include "config.h"

#define SQLITE_MAGIC       "SQLite format 3" /* with the NUL behind it */
#define SQLITE_MAGIC_BYTES 16

struct archive_row {
    struct archive_format public;
    const char *alias; /* another name, or NULL */
    int (*support)(struct archive *archive);
    bool begins_at_end;
};

#if MR_HAVE_SQLITE
/* libarchive does not read it. */
static int support_nothing(struct archive *archive)
{
    (void)archive;
    return ARCHIVE_OK;
}
#endif

/*
 * Not here on purpose: mtree, raw and empty take what is no archive; lzop, lrzip and grzip start
 * programs; uu is found in text. zip is read by its central directory alone: read as a stream its
 * modes are lost and its symbolic links become files.
 */
static const struct archive_row rows[] = {
    {{"tar", "tar: ustar, pax, GNU and old ones", false},
     NULL,
     archive_read_support_format_tar,
     false},
    {{"zip", "zip (jar, docx, apk ...)", false},
     NULL,
     archive_read_support_format_zip_seekable,
     true},
    {{"7z", "7-Zip", false}, "7zip", archive_read_support_format_7zip, true},
    {{"cpio", "cpio: newc, odc, binary", false}, NULL, archive_read_support_format_cpio, false},
    {{"ar", "ar (libraries, .deb)", false}, NULL, archive_read_support_format_ar, false},
    {{"rar", "RAR up to version 4", false}, NULL, archive_read_support_format_rar, false},
    {{"rar5", "RAR 5", false}, NULL, archive_read_support_format_rar5, false},
    {{"cab", "Microsoft cabinet", false}, NULL, archive_read_support_format_cab, false},
    {{"lha", "LHA, LZH", false}, "lzh", archive_read_support_format_lha, false},
    {{"xar", "xar", false}, NULL, archive_read_support_format_xar, false},
    {{"iso", "ISO 9660 images", false}, "iso9660", archive_read_support_format_iso9660, false},
#if MR_HAVE_SQLITE
    {{"sqlar", "SQLite archives: databases with a table sqlar", false},
     NULL,
     support_nothing,
     true},
#endif
    {{"warc", "web archives", false}, NULL, archive_read_support_format_warc, false},
    {{"gz", "gzip", true}, "gzip", archive_read_support_filter_gzip, false},
    {{"bz2", "bzip2", true}, "bzip2", archive_read_support_filter_bzip2, false},
    {{"xz", "xz", true}, NULL, archive_read_support_filter_xz, false},
    {{"lzma", "LZMA, the older form of xz", true}, NULL, archive_read_support_filter_lzma, false},
    {{"lz", "lzip", true}, "lzip", archive_read_support_filter_lzip, false},
    {{"zst", "zstd", true}, "zstd", archive_read_support_filter_zstd, false},
    {{"lz4", "lz4", true}, NULL, archive_read_support_filter_lz4, false},
    {{"Z", "compress", true}, "compress", archive_read_support_filter_compress, false},
    {{"rpm", "RPM packages (around a cpio)", true}, NULL, archive_read_support_filter_rpm, false},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct archive_format *archive_format_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].public : NULL;
}

static bool is_named(const struct archive_row *row, const char *name, size_t length)
{
    return (strncasecmp(row->public.name, name, length) == 0 && row->public.name[length] == '\0') ||
           (row->alias && strncasecmp(row->alias, name, length) == 0 && row->alias[length] == '\0');
}

static const struct archive_row *find_row(const char *name, size_t length, bool is_filter)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].public.is_filter == is_filter && is_named(&rows[i], name, length))
            return &rows[i];
    return NULL;
}

/* "tgz" and the like: what they are short for, or NULL. */
static const char *long_form(const char *text)
{
    static const char *const shorts[][2] = {
        {"tgz", "tar.gz"},   {"tbz", "tar.bz2"},  {"tbz2", "tar.bz2"}, {"txz", "tar.xz"},
        {"tzst", "tar.zst"}, {"tlz4", "tar.lz4"}, {"taz", "tar.Z"},    {"tlz", "tar.lz"},
    };
    for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
        if (strcasecmp(text, shorts[i][0]) == 0)
            return shorts[i][1];
    return text;
}

static const char *name_at(const void *ctx, size_t index)
{
    (void)ctx;
    return index < ROW_COUNT ? rows[index].public.name : NULL;
}

enum mr_status archive_formats_parse(const char *text, struct archive_choice *choice,
                                     struct mr_error *err)
{
    *choice = (struct archive_choice){NULL, NULL};
    if (!text)
        return MR_OK;
    const char *name = long_form(text);
    if (strcasecmp(name, "rpm") == 0)
        name = "cpio.rpm";
    const char *dot = strchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    choice->format = find_row(name, length, false);
    if (dot)
        choice->filter = find_row(dot + 1, strlen(dot + 1), true);
    if (choice->format && (!dot || choice->filter))
        return MR_OK;
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), text);
    const char *nearest = parse_nearest(text, name_at, NULL);
    if (nearest)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "there is no archive format \"%s\"; did you mean \"%s\"?", shown,
                            nearest);
    return mr_error_set(
        err, MR_E_USAGE, 0,
        "there is no archive format \"%s\" (`millrace formats` lists all: tar, zip, tar.gz ...)",
        shown);
}

/* Suffixes of compression that is not read here. */
static bool is_other_filter(const char *suffix)
{
    static const char *const others[] = {"br",  "sz", "lzo",  "lrz",     "grz",      "zz",
                                         "bz3", "rz", "pack", "deflate", "deflatez", "block_lz4"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcasecmp(suffix, others[i]) == 0)
            return true;
    return false;
}

bool archive_formats_is_named(const char *name)
{
    struct archive_choice choice;
    const char *base = path_base(name);
    const char *last = strrchr(base, '.');
    if (!last || last == base)
        return false;
    if (archive_formats_parse(last + 1, &choice, NULL) == MR_OK)
        return true;
    const char *before = memrchr(base, '.', (size_t)(last - base));
    if (!before || before == base)
        return false;
    bool is_tar = last - before == 4 && strncasecmp(before, ".tar", 4) == 0;
    return archive_formats_parse(before + 1, &choice, NULL) == MR_OK ||
           (is_tar && is_other_filter(last + 1));
}

bool archive_formats_support_filters(struct archive *archive, const struct archive_choice *choice)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!rows[i].public.is_filter)
            continue;
        /* What an RPM package holds is compressed too. */
        bool is_wanted = !choice->filter || choice->filter == &rows[i] ||
                         choice->filter->support == archive_read_support_filter_rpm;
        if (is_wanted && rows[i].support(archive) != ARCHIVE_OK)
            return false;
    }
    return true;
}

bool archive_formats_support(struct archive *archive, const struct archive_choice *choice,
                             bool takes_filters)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].public.is_filter || (choice->format && choice->format != &rows[i]))
            continue;
        if (rows[i].support(archive) != ARCHIVE_OK)
            return false;
    }
    return !takes_filters || archive_formats_support_filters(archive, choice);
}

bool archive_formats_takes(const struct archive_choice *choice, const char *filter)
{
    return !choice->filter || strcmp(choice->filter->public.name, filter) == 0;
}

bool archive_formats_begins_at_end(const struct archive_choice *choice)
{
    return choice->format && choice->format->begins_at_end;
}

#if MR_HAVE_SQLITE
bool archive_formats_may_be_sqlar(const struct archive_choice *choice, const unsigned char *head,
                                  size_t head_bytes)
{
    if (choice->format || choice->filter)
        return !choice->filter && choice->format->support == support_nothing;
    return head_bytes >= SQLITE_MAGIC_BYTES && memcmp(head, SQLITE_MAGIC, SQLITE_MAGIC_BYTES) == 0;
}
#else
bool archive_formats_may_be_sqlar(const struct archive_choice *choice, const unsigned char *head,
                                  size_t head_bytes)
{
    (void)choice;
    (void)head;
    (void)head_bytes;
    return false;
}
#endif

bool archive_formats_may_be_zip(const struct archive_choice *choice, const unsigned char *head,
                                size_t head_bytes)
{
    if (choice->format || choice->filter)
        return !choice->filter &&
               choice->format->support == archive_read_support_format_zip_seekable;
    return head_bytes >= 2 && memcmp(head, "PK", 2) == 0;
}

struct magic {
    unsigned offset, length;
    const char *bytes;
    enum archive_guess guess;
    bool begins_at_end;
};

static const struct magic magics[] = {
    {0, 4, "PK\003\004", ARCHIVE_GUESS_CERTAIN, true},
    {0, 4, "PK\005\006", ARCHIVE_GUESS_CERTAIN, true},
    {0, 4, "PK\001\002", ARCHIVE_GUESS_CERTAIN, true}, /* damaged ones, without members */
    {0, 4, "PK\006\006", ARCHIVE_GUESS_CERTAIN, true},
    {0, 4, "PK\006\007", ARCHIVE_GUESS_CERTAIN, true},
    {0, 4, "PK\007\010", ARCHIVE_GUESS_CERTAIN, true},
    {0, 6, "PK00PK", ARCHIVE_GUESS_CERTAIN, true},
    {0, 6, "7z\274\257\047\034", ARCHIVE_GUESS_CERTAIN, true},
    {0, 6, "Rar!\032\007", ARCHIVE_GUESS_CERTAIN, false},
    {0, 8, "MSCF\0\0\0\0", ARCHIVE_GUESS_CERTAIN, false},
    {0, 8, "!<arch>\n", ARCHIVE_GUESS_CERTAIN, false},
    {0, 4, "xar!", ARCHIVE_GUESS_CERTAIN, false},
    {32769, 5, "CD001", ARCHIVE_GUESS_CERTAIN, false},
#if MR_HAVE_SQLITE
    {0, SQLITE_MAGIC_BYTES, SQLITE_MAGIC, ARCHIVE_GUESS_WEAK, true}, /* a database, of whatever */
#endif
    {0, 5, "07070", ARCHIVE_GUESS_WEAK, false}, /* cpio in text; binary in both orders */
    {0, 2, "\307\161", ARCHIVE_GUESS_WEAK, false},
    {0, 2, "\161\307", ARCHIVE_GUESS_WEAK, false},
    /* LArc, its forerunner (-lz), is no format that is read: of its methods only storing would be.
     */
    {2, 3, "-lh", ARCHIVE_GUESS_WEAK, false},
    {0, 5, "WARC/", ARCHIVE_GUESS_WEAK, false},
    {0, 4, "\355\253\356\333", ARCHIVE_GUESS_MAYBE, false}, /* RPM */
    {0, 2, "\037\213", ARCHIVE_GUESS_MAYBE, false},         /* gzip */
    {0, 3, "BZh", ARCHIVE_GUESS_MAYBE, false},
    {0, 6, "\3757zXZ\0", ARCHIVE_GUESS_MAYBE, false},
    {0, 4, "LZIP", ARCHIVE_GUESS_MAYBE, false},
    {0, 4, "\050\265\057\375", ARCHIVE_GUESS_MAYBE, false}, /* zstd */
    {1, 3, "\052\115\030", ARCHIVE_GUESS_MAYBE, false},     /* a frame to skip, of zstd or lz4 */
    {0, 4, "\004\042\115\030", ARCHIVE_GUESS_MAYBE, false}, /* lz4, and its old form */
    {0, 4, "\002\041\114\030", ARCHIVE_GUESS_MAYBE, false},
    {0, 2, "\037\235", ARCHIVE_GUESS_MAYBE, false}, /* compress */
};

static bool is_zero(const unsigned char *data, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if (data[i] != 0)
            return false;
    return true;
}

/* A tar header by its checksum, which old writers summed over signed bytes; or a block of zeros,
 * with which an empty tar begins. */
bool archive_formats_may_be_tar(const unsigned char *head, size_t head_bytes)
{
    enum { BLOCK_BYTES = 512, SUM_AT = 148, SUM_BYTES = 8 };
    if (head_bytes < BLOCK_BYTES)
        return false;
    if (is_zero(head, BLOCK_BYTES))
        return true;
    long sum = 0, signed_sum = 0;
    for (unsigned i = 0; i < BLOCK_BYTES; i++) {
        bool is_sum = i >= SUM_AT && i < SUM_AT + SUM_BYTES;
        sum += is_sum ? ' ' : head[i];
        signed_sum += is_sum ? ' ' : (signed char)head[i];
    }
    long stored = 0;
    unsigned at = SUM_AT;
    while (at < SUM_AT + SUM_BYTES && head[at] == ' ')
        at++;
    for (; at < SUM_AT + SUM_BYTES && head[at] >= '0' && head[at] <= '7'; at++)
        stored = stored * 8 + (head[at] - '0');
    return stored == sum || stored == signed_sum;
}

/* LZMA has no magic number: properties that can be (lc + lp <= 4), a dictionary of 2^n or 2^n +
 * 2^(n-1) bytes, and the 0 with which all its data begins. */
static bool may_be_lzma(const unsigned char *head, size_t head_bytes)
{
    if (head_bytes < 14 || head[0] / 45 > 4 || head[0] % 9 + head[0] / 9 % 5 > 4 || head[13] != 0)
        return false;
    uint32_t size = (uint32_t)head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 |
                    (uint32_t)head[4] << 24;
    uint32_t lowest = size & (~size + 1);
    return size >= 4096 && (size == lowest || size == lowest + 2 * (uint64_t)lowest);
}

enum archive_guess archive_formats_guess(const unsigned char *head, size_t head_bytes,
                                         bool *begins_at_end)
{
    *begins_at_end = false;
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        const struct magic *magic = &magics[i];
        if (head_bytes < magic->offset + magic->length ||
            memcmp(head + magic->offset, magic->bytes, magic->length) != 0)
            continue;
        *begins_at_end = magic->begins_at_end;
        return magic->guess;
    }
    return may_be_lzma(head, head_bytes) || archive_formats_may_be_tar(head, head_bytes)
               ? ARCHIVE_GUESS_MAYBE
               : ARCHIVE_GUESS_NONE;
}

/* A cpio that holds its trailer alone, padded with zeros. */
static bool is_empty_cpio(const unsigned char *data, size_t size_bytes)
{
    static const struct {
        const char *magic;
        size_t name_at;
    } kinds[] = {
        {"070701", 110}, {"070702", 110}, {"070707", 76}, {"\307\161", 26}, {"\161\307", 26}};
    static const char trailer[] = "TRAILER!!!";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t end = kinds[i].name_at + sizeof(trailer);
        if (size_bytes >= end && memcmp(data, kinds[i].magic, strlen(kinds[i].magic)) == 0 &&
            memcmp(data + kinds[i].name_at, trailer, sizeof(trailer)) == 0)
            return is_zero(data + end, size_bytes - end);
    }
    return false;
}

bool archive_formats_is_empty(const unsigned char *data, size_t size_bytes)
{
    switch (size_bytes) {
    case 8:
        return memcmp(data, "!<arch>\n", 8) == 0;
    case 22: /* zip: an end record with nothing in it */
        return memcmp(data, "PK\005\006", 4) == 0 && is_zero(data + 4, 18);
    case 32: /* 7z: a start header that points nowhere */
        return memcmp(data, "7z\274\257\047\034", 6) == 0 && is_zero(data + 12, 20);
    case 1024: /* tar: two blocks of zeros, or one record of them */
    case 10240:
        if (is_zero(data, size_bytes))
            return true;
        break;
    default:
        break;
    }
    return is_empty_cpio(data, size_bytes);
}
