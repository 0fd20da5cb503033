#include "operation/exec_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"

enum piece {
    PIECE_BYTE, /* stands for itself */
    PIECE_OPEN,
    PIECE_CLOSE,
    PIECE_PATH,
    PIECE_PATH_STEM,
    PIECE_BASE,
    PIECE_BASE_STEM,
    PIECE_DIRECTORY,
    PIECE_SEQUENCE,
    PIECE_SLOT,
    PIECE_THREADS,
    PIECE_IN,
    PIECE_OUT
};

static const struct {
    const char *text;
    enum piece piece;
    unsigned use;
} placeholders[] = {
    {"{}", PIECE_PATH, EXEC_USES_ITEM},        {"{.}", PIECE_PATH_STEM, EXEC_USES_ITEM},
    {"{/}", PIECE_BASE, EXEC_USES_ITEM},       {"{//}", PIECE_DIRECTORY, EXEC_USES_ITEM},
    {"{/.}", PIECE_BASE_STEM, EXEC_USES_ITEM}, {"{#}", PIECE_SEQUENCE, EXEC_USES_ITEM},
    {"{%}", PIECE_SLOT, EXEC_USES_WORKER},     {"{threads}", PIECE_THREADS, EXEC_USES_WORKER},
    {"{in}", PIECE_IN, EXEC_USES_IN},          {"{out}", PIECE_OUT, EXEC_USES_OUT},
};

/* What is at the beginning of text, its length and its use. open_count: of "{{" that no "}}" has
 * closed. */
static enum piece next_piece(const char *text, size_t open_count, size_t *length, unsigned *use)
{
    *length = 2;
    *use = 0;
    if (strncmp(text, "{{", 2) == 0)
        return PIECE_OPEN;
    if (open_count > 0 && strncmp(text, "}}", 2) == 0)
        return PIECE_CLOSE;
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++) {
        *length = strlen(placeholders[i].text);
        *use = placeholders[i].use;
        if (strncmp(text, placeholders[i].text, *length) == 0)
            return placeholders[i].piece;
    }
    *length = 1;
    *use = 0;
    return PIECE_BYTE;
}

const char *exec_words_find(const char *argument, unsigned uses, size_t *length)
{
    size_t open_count = 0;
    for (; *argument; argument += *length) {
        unsigned use;
        enum piece piece = next_piece(argument, open_count, length, &use);
        if (piece == PIECE_OPEN)
            open_count++;
        else if (piece == PIECE_CLOSE)
            open_count--;
        else if (use & uses)
            return argument;
    }
    return NULL;
}

unsigned exec_words_uses(const char *argument)
{
    static const unsigned all[] = {EXEC_USES_ITEM, EXEC_USES_WORKER, EXEC_USES_IN, EXEC_USES_OUT};
    unsigned found = 0;
    size_t length;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (exec_words_find(argument, all[i], &length))
            found |= all[i];
    return found;
}

const char *exec_words_extension(const char *name)
{
    const char *base = path_base(name);
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? dot : name + strlen(name);
}

static const char *whole(const char *text, size_t *length)
{
    *length = strlen(text);
    return text;
}

static const char *without_extension(const char *text, size_t *length)
{
    *length = (size_t)(exec_words_extension(text) - text);
    return text;
}

static const char *directory_of(const char *path, size_t *length)
{
    const char *base = path_base(path);
    if (base == path)
        return whole(".", length);
    *length = base - path > 1 ? (size_t)(base - path) - 1 : 1; /* "/" stays "/" */
    return path;
}

/* What piece stands for. */
static const char *text_of(enum piece piece, const struct exec_words *words, size_t *length)
{
    switch (piece) {
    case PIECE_PATH_STEM:
        return without_extension(words->path, length);
    case PIECE_BASE:
        return whole(path_base(words->path), length);
    case PIECE_BASE_STEM:
        return without_extension(path_base(words->path), length);
    case PIECE_DIRECTORY:
        return directory_of(words->path, length);
    case PIECE_SEQUENCE:
        return whole(words->sequence, length);
    case PIECE_SLOT:
        return whole(words->slot, length);
    case PIECE_THREADS:
        return whole(words->threads, length);
    case PIECE_IN:
        return whole(words->in, length);
    case PIECE_OUT:
        return whole(words->out, length);
    case PIECE_OPEN:
        return whole("{", length);
    case PIECE_CLOSE:
        return whole("}", length);
    case PIECE_PATH:
    case PIECE_BYTE:
        break;
    }
    return whole(words->path, length);
}

/* Puts argument with its placeholders replaced into out, which may be NULL. Returns the length. */
static size_t expand_into(char *out, const char *argument, const struct exec_words *words)
{
    size_t total = 0, open_count = 0;
    while (*argument) {
        size_t length, piece_length = 1;
        unsigned use;
        const char *bytes = argument;
        enum piece piece = next_piece(argument, open_count, &length, &use);
        if (piece == PIECE_OPEN)
            open_count++;
        else if (piece == PIECE_CLOSE)
            open_count--;
        if (piece != PIECE_BYTE)
            bytes = text_of(piece, words, &piece_length);
        if (out)
            memcpy(out + total, bytes, piece_length);
        total += piece_length;
        argument += length;
    }
    return total;
}

char *exec_words_expand(const char *argument, const struct exec_words *words)
{
    size_t length = expand_into(NULL, argument, words);
    char *out = malloc(length + 1);
    if (!out)
        return NULL;
    expand_into(out, argument, words);
    out[length] = '\0';
    return out;
}
