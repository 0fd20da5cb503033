#include "codec/deflate_walk.h"

#include <string.h>

#include "codec/deflate_lanes.h"

#define FAST_BITS      DEFLATE_WALK_FAST_BITS
#define END_OF_BLOCK   256u
#define LITERAL_COUNT  286u /* symbols that may be used; a fixed block names two more */
#define DISTANCE_COUNT 30u

static const uint8_t length_extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                       2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint8_t distance_extra[] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                         6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

/* At least 56 bits. */
static uint64_t peek(const struct walk_reader *reader)
{
    uint64_t at = reader->at_bit / 8;
    if (reader->bytes >= 8 && at <= reader->bytes - 8)
        return walk_load64(reader->stream + at) >> (reader->at_bit % 8);
    uint64_t word = 0;
    for (unsigned i = 0; i < 8 && at + i < reader->bytes; i++)
        word |= (uint64_t)reader->stream[at + i] << (8 * i);
    return word >> (reader->at_bit % 8);
}

static unsigned take(struct walk_reader *reader, unsigned bits)
{
    unsigned value = (unsigned)(peek(reader) & ((1u << bits) - 1));
    reader->at_bit += bits;
    return value;
}

static bool is_over(const struct walk_reader *reader)
{
    return reader->at_bit > (uint64_t)reader->bytes * 8;
}

/* The entry of a symbol, with a codeword of so many bits, of the literals and lengths. */
static uint16_t literal_entry(unsigned symbol, unsigned bits)
{
    if (symbol < END_OF_BLOCK)
        return (uint16_t)(bits << WALK_CODE_SHIFT | bits);
    if (symbol == END_OF_BLOCK || symbol >= LITERAL_COUNT)
        return WALK_IS_SLOW;
    return (uint16_t)(bits << WALK_CODE_SHIFT | WALK_IS_MATCH |
                      (bits + length_extra[symbol - END_OF_BLOCK - 1]));
}

static uint16_t distance_entry(unsigned symbol, unsigned bits)
{
    if (symbol >= DISTANCE_COUNT)
        return WALK_IS_SLOW;
    return (uint16_t)(bits << WALK_CODE_SHIFT | (bits + distance_extra[symbol]));
}

/* The symbols by length. False: there are more codewords than fit, or fewer, but for a lone one. */
static bool sort_symbols(struct deflate_walk_code *code, const uint8_t *lengths, unsigned count)
{
    memset(code->count, 0, sizeof(code->count));
    for (unsigned i = 0; i < count; i++)
        code->count[lengths[i]]++;
    code->count[0] = 0;
    uint16_t at[DEFLATE_WALK_BITS_MAX + 1];
    int left = 1;
    unsigned sum = 0, longest = 0;
    for (unsigned bits = 1; bits <= DEFLATE_WALK_BITS_MAX; bits++) {
        left = 2 * left - code->count[bits];
        if (left < 0)
            return false;
        at[bits] = (uint16_t)sum;
        sum += code->count[bits];
        longest = code->count[bits] ? bits : longest;
    }
    for (unsigned i = 0; i < count; i++) {
        if (lengths[i])
            code->sorted[at[lengths[i]]++] = (uint16_t)i;
    }
    return left == 0 || longest <= 1;
}

/*
 * Fills the table by doubling it for each length. Codewords stand in the stream with their first
 * bit lowest: the next one is had by carrying from the top.
 */
static void fill_fast(struct deflate_walk_code *code, uint16_t (*entry)(unsigned, unsigned))
{
    unsigned codeword = 0, size = 1, next = 0;
    code->fast[0] = WALK_IS_SLOW;
    for (unsigned bits = 1; bits <= FAST_BITS; bits++) {
        memcpy(code->fast + size, code->fast, size * sizeof(code->fast[0]));
        size *= 2;
        for (unsigned i = 0; i < code->count[bits]; i++) {
            code->fast[codeword] = entry(code->sorted[next++], bits);
            unsigned zeros = codeword ^ (size - 1);
            if (zeros == 0) { /* that was the last codeword of all */
                for (; size < WALK_FAST_SIZE; size *= 2)
                    memcpy(code->fast + size, code->fast, size * sizeof(code->fast[0]));
                return;
            }
            unsigned top = 1u << (31 - (unsigned)__builtin_clz(zeros));
            codeword = (codeword & (top - 1)) | top;
        }
    }
}

/* Joins each literal with the literal or length behind it, where the bits of the index hold both.
 * Downwards, because what is behind a codeword is looked up at a smaller index. */
static void join_literals(struct deflate_walk_code *code)
{
    uint16_t *fast = code->fast;
    for (unsigned i = WALK_FAST_SIZE; i-- > 0;) {
        unsigned first = fast[i], bits = first >> WALK_CODE_SHIFT & WALK_CODE_MASK;
        if (first & (WALK_IS_MATCH | WALK_IS_SLOW))
            continue;
        unsigned next = fast[i >> bits];
        bits += next >> WALK_CODE_SHIFT & WALK_CODE_MASK;
        if (!(next & WALK_IS_SLOW) && bits <= FAST_BITS)
            fast[i] = (uint16_t)(first + (next & (WALK_IS_MATCH | WALK_STEP_MASK)));
    }
}

/* One symbol, bit by bit; DEFLATE_WALK_SYMBOLS: none. Codewords of one length are consecutive
 * numbers. */
static unsigned decode(struct walk_reader *reader, const struct deflate_walk_code *code)
{
    uint64_t word = peek(reader);
    unsigned codeword = 0, first = 0, index = 0;
    for (unsigned bits = 1; bits <= DEFLATE_WALK_BITS_MAX; bits++) {
        unsigned count = code->count[bits];
        codeword |= (unsigned)(word & 1);
        word >>= 1;
        if (codeword - first < count) {
            reader->at_bit += bits;
            return code->sorted[index + codeword - first];
        }
        index += count;
        first = (first + count) << 1;
        codeword <<= 1;
    }
    return DEFLATE_WALK_SYMBOLS;
}

/* Code lengths of a dynamic block, RFC 1951 section 3.2.7. */
static bool read_lengths(struct walk_reader *reader, struct deflate_walk *walk, unsigned literals,
                         unsigned distances, unsigned lengths)
{
    static const uint8_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    struct deflate_walk_code *code = &walk->distances; /* not needed yet */
    uint8_t bits[sizeof(order)] = {0};
    for (unsigned i = 0; i < lengths; i++)
        bits[order[i]] = (uint8_t)take(reader, 3);
    if (!sort_symbols(code, bits, sizeof(order)))
        return false;
    for (unsigned i = 0; i < literals + distances;) {
        unsigned symbol = decode(reader, code), repeat = 1, value = 0;
        if (symbol < 16)
            value = symbol;
        else if (symbol == 16 && i > 0) {
            value = walk->lengths[i - 1];
            repeat = 3 + take(reader, 2);
        } else if (symbol == 17)
            repeat = 3 + take(reader, 3);
        else if (symbol == 18)
            repeat = 11 + take(reader, 7);
        else
            return false;
        if (repeat > literals + distances - i)
            return false;
        memset(walk->lengths + i, (int)value, repeat);
        i += repeat;
    }
    return walk->lengths[END_OF_BLOCK] != 0;
}

static bool make_codes(struct deflate_walk *walk, unsigned literals, unsigned distances)
{
    if (!sort_symbols(&walk->literals, walk->lengths, literals) ||
        !sort_symbols(&walk->distances, walk->lengths + literals, distances))
        return false;
    fill_fast(&walk->literals, literal_entry);
    fill_fast(&walk->distances, distance_entry);
    join_literals(&walk->literals);
    return true;
}

static bool read_dynamic(struct walk_reader *reader, struct deflate_walk *walk)
{
    unsigned literals = 257 + take(reader, 5), distances = 1 + take(reader, 5),
             lengths = 4 + take(reader, 4);
    return literals <= LITERAL_COUNT && distances <= DISTANCE_COUNT &&
           read_lengths(reader, walk, literals, distances, lengths) && !is_over(reader) &&
           make_codes(walk, literals, distances);
}

static bool make_fixed(struct deflate_walk *walk)
{
    memset(walk->lengths, 8, 144);
    memset(walk->lengths + 144, 9, 112);
    memset(walk->lengths + 256, 7, 24);
    memset(walk->lengths + 280, 8, 8);
    memset(walk->lengths + DEFLATE_WALK_SYMBOLS, 5, 32);
    return make_codes(walk, DEFLATE_WALK_SYMBOLS, 32);
}

/* Steps over what the fast tables know, up to the first entry they do not, or near the end. */
static void run_fast(struct walk_reader *reader, const struct deflate_walk *walk)
{
    const uint16_t *literals = walk->literals.fast, *distances = walk->distances.fast;
    uint64_t at = reader->at_bit;
    if (reader->bytes < WALK_MARGIN_BITS / 8)
        return;
    const uint64_t end = (uint64_t)reader->bytes * 8 - WALK_MARGIN_BITS;
    if (at >= end)
        return;
    const unsigned char *from = reader->stream + at / 8, *last = reader->stream + end / 8;
    uint64_t word = walk_load64(from) >> (at % 8);
    unsigned left = 56 - (unsigned)(at % 8); /* bits of word that count; there may be more */
    from += 7;
    while (from < last) {
        word |= walk_load64(from) << left;
        from += (63 - left) >> 3;
        left |= 56;
        unsigned first = literals[word % WALK_FAST_SIZE];
        unsigned step = first & WALK_STEP_MASK;
        unsigned second = distances[(word >> step) % WALK_FAST_SIZE];
        second &= 0u - (first / WALK_IS_MATCH & 1); /* without a branch: nobody could foresee it */
        if ((first | second) & WALK_IS_SLOW)
            break;
        step += second & WALK_STEP_MASK;
        word >>= step;
        left -= step;
    }
    reader->at_bit = (uint64_t)(from - reader->stream) * 8 - left;
}

bool deflate_walk_pass(struct walk_reader *reader, const struct deflate_walk *walk)
{
    struct walk_reader ahead = *reader;
    unsigned symbol = decode(&ahead, &walk->literals);
    if (symbol == END_OF_BLOCK || symbol >= LITERAL_COUNT)
        return false;
    if (symbol > END_OF_BLOCK) {
        ahead.at_bit += length_extra[symbol - END_OF_BLOCK - 1];
        unsigned distance = decode(&ahead, &walk->distances);
        if (distance >= DISTANCE_COUNT)
            return false;
        ahead.at_bit += distance_extra[distance];
    }
    *reader = ahead;
    return true;
}

static bool walk_symbols(struct walk_reader *reader, const struct deflate_walk *walk)
{
    while (!deflate_lanes_run(reader, walk))
        ;
    do
        run_fast(reader, walk);
    while (deflate_walk_pass(reader, walk) && !is_over(reader));
    return !is_over(reader) && decode(reader, &walk->literals) == END_OF_BLOCK;
}

static bool walk_stored(struct walk_reader *reader)
{
    reader->at_bit = (reader->at_bit + 7) / 8 * 8;
    unsigned bytes = take(reader, 16), complement = take(reader, 16);
    if (bytes != (complement ^ 0xffffu))
        return false;
    reader->at_bit += (uint64_t)bytes * 8;
    return true;
}

bool deflate_walk_last(struct deflate_walk *walk, const unsigned char *stream, size_t bytes,
                       uint64_t *begin_bit, uint64_t *end_bit)
{
    struct walk_reader reader = {.stream = stream, .bytes = bytes};
    bool is_final = false, is_fixed = false; /* the tables hold the fixed codes */
    while (!is_final) {
        *begin_bit = reader.at_bit;
        is_final = take(&reader, 1);
        unsigned kind = take(&reader, 2);
        bool is_fine = kind < 3 && !is_over(&reader);
        if (is_fine && kind == 0)
            is_fine = walk_stored(&reader);
        if (is_fine && kind == 1 && !is_fixed)
            is_fine = is_fixed = make_fixed(walk);
        if (is_fine && kind == 2) {
            is_fixed = false;
            is_fine = read_dynamic(&reader, walk);
        }
        if (is_fine && kind > 0)
            is_fine = walk_symbols(&reader, walk);
        if (!is_fine || is_over(&reader))
            return false;
    }
    *end_bit = reader.at_bit;
    return true;
}
