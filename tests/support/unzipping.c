#include "support/unzipping.h"

#include <fcntl.h>
#include <unistd.h>

struct unzipping unzipping;

void unzipping_set_up(void)
{
    zips_begin(&unzipping.zip, 0);
    unzipping.is_lenient = false;
}

void unzipping_tear_down(void)
{
    zips_clear(&unzipping.zip);
    archives_clear(&unzipping.found);
}

enum mr_status unzipping_open(struct mr_source **source)
{
    int fd = archives_file(unzipping.zip.data, unzipping.zip.bytes);
    enum mr_status status =
        zip_source_create(fd, "label", unzipping.is_lenient, source, &unzipping.err);
    if (status == MR_OK)
        return status;
    ck_assert_ptr_nonnull(strstr(unzipping.err.text, "label: "));
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
    ck_assert_int_eq(close(fd), 0); /* it was left to us */
    return status;
}

enum mr_status unzipping_read(void)
{
    struct mr_source *source;
    archives_clear(&unzipping.found);
    enum mr_status status = unzipping_open(&source);
    if (status != MR_OK)
        return status;
    status = archives_read(source, &unzipping.found, 1000, &unzipping.err);
    source->ops->destroy(source);
    return status;
}

void unzipping_refused(enum mr_status status, const char *text)
{
    enum mr_status found = unzipping_read();
    ck_assert_msg(found == status, "%s instead of %s: %s", mr_status_text(found),
                  mr_status_text(status), unzipping.err.text);
    ck_assert_msg(strstr(unzipping.err.text, text) != NULL, "not \"%s\": %s", text,
                  unzipping.err.text);
}

void unzipping_doubted(const char *text, enum mr_status status)
{
    unzipping.is_lenient = false;
    unzipping_refused(MR_E_DATA, text);
    ck_assert_ptr_nonnull(strstr(unzipping.err.text, "--lenient-zip"));
    ck_assert_uint_eq(unzipping.found.count, 0);
    unzipping.is_lenient = true;
    enum mr_status found = unzipping_read();
    ck_assert_msg(found == status, "%s instead of %s: %s", mr_status_text(found),
                  mr_status_text(status), unzipping.err.text);
}

void unzipping_check_text(size_t i, const char *path, const char *text)
{
    ck_assert_uint_gt(unzipping.found.count, i);
    const struct archives_item *item = &unzipping.found.items[i];
    ck_assert_str_eq(item->entry.path, path);
    ck_assert_int_eq(item->entry.kind, MR_KIND_FILE);
    ck_assert_int_eq(item->entry.size_bytes, (int64_t)strlen(text));
    ck_assert_msg(memcmp(item->data, text, strlen(text)) == 0, "other content in %s", path);
}
