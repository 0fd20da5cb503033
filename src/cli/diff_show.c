#include "cli/diff_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/path.h"

/* Names are shown whole: each byte may become four. */
#define NAME_BYTES  ((size_t)4 * 8192)
#define VALUE_BYTES (4 * (size_t)MANIFEST_TARGET_BYTES)

static const char *const type_names[] = {
    [MR_KIND_FILE] = "file", [MR_KIND_DIRECTORY] = "directory", [MR_KIND_SYMLINK] = "symlink"};

static const struct {
    const char *word, *json;
    bool has_values; /* two, which say all that is to be said */
} kinds[DIFFERENCE_KINDS] = {
    [DIFFERENCE_ONLY_A] = {"only in", "only_in_a", false},
    [DIFFERENCE_ONLY_B] = {"only in", "only_in_b", false},
    [DIFFERENCE_TYPE] = {"type", "type", true},
    [DIFFERENCE_SIZE] = {"size", "size", true},
    [DIFFERENCE_CONTENT] = {"content differs", "content", false},
    [DIFFERENCE_TARGET] = {"target", "target", true},
    [DIFFERENCE_MODE] = {"mode", "mode", true},
    [DIFFERENCE_MTIME] = {"mtime", "mtime", true},
    [DIFFERENCE_OWNER] = {"owner", "owner", true},
    [DIFFERENCE_XATTRS] = {"extended attributes differ", "xattrs", false},
    [DIFFERENCE_UNREAD] = {"could not be compared", "unread", false},
};

static void write_mtime(const struct manifest_item *item, char *text, size_t cap_bytes)
{
    time_t seconds = (time_t)item->mtime_s;
    struct tm parts;
    char day[32];
    if (localtime_r(&seconds, &parts) && strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &parts))
        snprintf(text, cap_bytes, "%s.%09" PRIu32, day, item->mtime_ns);
    else
        snprintf(text, cap_bytes, "%" PRId64, item->mtime_s);
}

/* The value of one side, unescaped. */
static void write_value(enum difference_kind kind, const struct manifest_item *item, char *text,
                        size_t cap_bytes)
{
    switch (kind) {
    case DIFFERENCE_TYPE:
        snprintf(text, cap_bytes, "%s", type_names[item->kind]);
        break;
    case DIFFERENCE_SIZE:
        snprintf(text, cap_bytes, "%" PRIu64, item->digest.size_bytes);
        break;
    case DIFFERENCE_TARGET:
        snprintf(text, cap_bytes, "%s", item->target);
        break;
    case DIFFERENCE_MODE:
        snprintf(text, cap_bytes, "%04o", item->mode & 07777u);
        break;
    case DIFFERENCE_MTIME:
        write_mtime(item, text, cap_bytes);
        break;
    case DIFFERENCE_OWNER:
        snprintf(text, cap_bytes, "%" PRIu64 ":%" PRIu64, item->uid, item->gid);
        break;
    default:
        text[0] = '\0';
        break;
    }
}

/* "" is what two single files are called. */
static const char *name_of(const struct diff_show *show, const struct difference *difference)
{
    return difference->path[0] ? difference->path : path_base(show->names[0]);
}

static void show_json(const struct diff_show *show, const struct difference *difference)
{
    const struct manifest_item *sides[] = {difference->a, difference->b};
    static const char *const keys[] = {"a", "b"};
    struct json json;
    json_open(&json, stdout);
    json_text(&json, "path", name_of(show, difference));
    json_text(&json, "difference", kinds[difference->kind].json);
    for (unsigned i = 0; i < 2 && kinds[difference->kind].has_values; i++) {
        char value[MANIFEST_TARGET_BYTES];
        write_value(difference->kind, sides[i], value, sizeof(value));
        if (difference->kind == DIFFERENCE_SIZE)
            json_unsigned(&json, keys[i], sides[i]->digest.size_bytes);
        else
            json_text(&json, keys[i], value);
    }
    if (difference->kind <= DIFFERENCE_ONLY_B) {
        const struct manifest_item *item = difference->a ? difference->a : difference->b;
        json_text(&json, "type", item->is_failed ? "unread" : type_names[item->kind]);
    }
    json_close(&json);
}

static void show_text(const struct diff_show *show, const struct difference *difference)
{
    char name[NAME_BYTES], shown[VALUE_BYTES], value[MANIFEST_TARGET_BYTES];
    path_show(name, sizeof(name), name_of(show, difference));
    if (difference->kind <= DIFFERENCE_ONLY_B) {
        const struct manifest_item *item = difference->a ? difference->a : difference->b;
        const char *side = show->names[difference->kind == DIFFERENCE_ONLY_B];
        bool is_directory = !item->is_failed && item->kind == MR_KIND_DIRECTORY;
        printf("only in %s: %s%s\n", path_show(shown, sizeof(shown), side), name,
               is_directory ? "/" : "");
        return;
    }
    printf("%s: %s", name, kinds[difference->kind].word);
    if (kinds[difference->kind].has_values) {
        write_value(difference->kind, difference->a, value, sizeof(value));
        printf(" %s", path_show(shown, sizeof(shown), value));
        write_value(difference->kind, difference->b, value, sizeof(value));
        printf(", %s", path_show(shown, sizeof(shown), value));
    }
    putchar('\n');
}

void diff_show_found(void *ctx, const struct difference *difference)
{
    const struct diff_show *show = ctx;
    if (show->cli->options->is_quiet)
        return;
    if (show->cli->options->is_json)
        show_json(show, difference);
    else
        show_text(show, difference);
}

static void add_part(char *text, size_t cap_bytes, uint64_t count, const char *what,
                     const char *name)
{
    size_t used = strlen(text);
    if (count > 0)
        snprintf(text + used, cap_bytes - used, "%s%" PRIu64 " %s%s", used ? ", " : "", count, what,
                 name);
}

void diff_show_end(const struct diff_show *show, const struct difference_counts *counts)
{
    char a[PATH_SHOW_BYTES], b[PATH_SHOW_BYTES], text[2 * PATH_SHOW_BYTES + 200] = "";
    path_show(a, sizeof(a), show->names[0]);
    path_show(b, sizeof(b), show->names[1]);
    add_part(text, sizeof(text), counts->differing, counts->differing == 1 ? "differs" : "differ",
             "");
    add_part(text, sizeof(text), counts->only_a, "only in ", a);
    add_part(text, sizeof(text), counts->only_b, "only in ", b);
    add_part(text, sizeof(text), counts->unread, "could not be compared", "");
    message_note(show->cli->message, NULL, "%" PRIu64 " item%s in %s, %" PRIu64 " in %s: %s%s",
                 counts->a, counts->a == 1 ? "" : "s", a, counts->b, b,
                 text[0] ? text : "no difference",
                 show->is_incomplete ? "; not all of it could be read" : "");
}
