#include <stdio.h>

#include "operation/talk.h"
#include "support/support.h"

Suite *talk_suite(void);

#define WELCOME "0015git-filter-server000dversion=20000"
#define OFFER   "0014capability=clean0015capability=smudge0000"

/* As ck_assert(), but free of charge when it holds: that one writes to its runner every time. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

/* One item: everything that is sent, and what the answer makes. */
struct visit {
    struct talk talk;
    char sent[300000];
    size_t sent_count;
    char made[1000];
    size_t made_count;
    struct mr_error err;
};

static struct visit *begin(const char *command)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    ck_assert_ptr_nonnull(visit);
    memset(&visit->talk, 0xa5, sizeof(visit->talk)); /* talk_begin() clears what counts */
    talk_begin(&visit->talk, command);
    return visit;
}

/* Takes what is to be sent, at most so many bytes at a time. */
static void send_all(struct visit *visit, const char *content, size_t content_bytes, bool is_last,
                     size_t cut_bytes)
{
    struct talk *talk = &visit->talk;
    const unsigned char *in = (const unsigned char *)content;
    while (talk_fill(talk, &in, &content_bytes, is_last)) {
        size_t bytes = talk->send_count - talk->send_at;
        if (bytes > cut_bytes)
            bytes = cut_bytes;
        ck_assert_uint_gt(bytes, 0);
        ck_assert_uint_le(visit->sent_count + bytes, sizeof(visit->sent));
        memcpy(visit->sent + visit->sent_count, talk->send + talk->send_at, bytes);
        visit->sent_count += bytes;
        talk->send_at += bytes;
    }
    if (talk_is_greeted(talk))
        ck_assert_uint_eq(content_bytes, 0);
}

/* Gives bytes in pieces, with rooms for content of room_bytes. Stops where talk_take() does. */
static enum mr_status receive(struct visit *visit, const char *text, size_t bytes, size_t cut_bytes,
                              size_t room_bytes, size_t *left_bytes)
{
    enum mr_status status = MR_OK;
    size_t at = 0;
    while (status == MR_OK && at < bytes) {
        size_t count = bytes - at < cut_bytes ? bytes - at : cut_bytes;
        unsigned char *piece = malloc(count); /* of its own size, so that reading past it is seen */
        require(piece);
        memcpy(piece, text + at, count);
        const unsigned char *in = piece;
        size_t left = count, idle_count = 0;
        while (status == MR_OK && left > 0) {
            unsigned char room[64], *out = room;
            size_t out_bytes = room_bytes, before = left;
            status = talk_take(&visit->talk, &in, &left, &out, &out_bytes, &visit->err);
            size_t made = room_bytes - out_bytes;
            require(out == room + made);
            require(visit->made_count + made <= sizeof(visit->made));
            memcpy(visit->made + visit->made_count, room, made);
            visit->made_count += made;
            idle_count = left == before && made == 0 ? idle_count + 1 : 0;
            require(idle_count < 2);
        }
        require(in == piece + count - left);
        at += count - left;
        free(piece);
        if (left > 0)
            break;
    }
    *left_bytes = bytes - at;
    return status;
}

static void ck_assert_sent(struct visit *visit, const char *expected)
{
    ck_assert_uint_eq(visit->sent_count, strlen(expected));
    ck_assert_int_eq(memcmp(visit->sent, expected, visit->sent_count), 0);
    visit->sent_count = 0;
}

static struct visit *greeted(void)
{
    size_t left_bytes;
    struct visit *visit = begin("clean");
    ck_assert_int_eq(receive(visit, WELCOME OFFER, strlen(WELCOME OFFER), 1000, 1, &left_bytes),
                     MR_OK);
    ck_assert(talk_is_greeted(&visit->talk));
    send_all(visit, "", 0, false, 1000);
    visit->sent_count = 0;
    return visit;
}

START_TEST(greets_and_asks)
{
    size_t left_bytes;
    struct visit *visit = begin(_i == 0 ? "clean" : "smudge");
    struct talk *talk = &visit->talk;
    ck_assert_ok(talk_ask(talk, "dir/a=b\n.txt", &visit->err), visit->err);
    send_all(visit, "abc", 3, true, 7);
    ck_assert_sent(visit, "0016git-filter-client\n000eversion=2\n0000");
    ck_assert(!talk_is_greeted(talk));
    ck_assert_int_eq(receive(visit, WELCOME, strlen(WELCOME), 3, 1, &left_bytes), MR_OK);
    send_all(visit, "abc", 3, true, 7);
    ck_assert_sent(visit, "0015capability=clean\n0016capability=smudge\n0000");
    ck_assert_int_eq(receive(visit, OFFER, strlen(OFFER), 3, 1, &left_bytes), MR_OK);
    ck_assert(talk_is_greeted(talk));
    ck_assert(!talk_is_sent(talk));
    send_all(visit, "abc", 3, true, 7);
    ck_assert_sent(visit, _i == 0
                              ? "0012command=clean\n001apathname=dir/a=b\n.txt\n00000007abc0000"
                              : "0013command=smudge\n001apathname=dir/a=b\n.txt\n00000007abc0000");
    ck_assert(talk_is_sent(talk));
    static const char answer[] = "0013status=success\n00000007ABC00000000";
    ck_assert_int_eq(receive(visit, answer, strlen(answer), 5, 2, &left_bytes), MR_DONE);
    ck_assert_uint_eq(left_bytes, 0);
    ck_assert_int_eq(talk->answer, TALK_ANSWER_SUCCESS);
    ck_assert_uint_eq(visit->made_count, 3);
    ck_assert_int_eq(memcmp(visit->made, "ABC", 3), 0);
    /* The next one, empty. */
    ck_assert_ok(talk_ask(talk, "b", &visit->err), visit->err);
    send_all(visit, "", 0, false, 100);
    ck_assert(!talk_is_sent(talk));
    send_all(visit, "", 0, true, 100);
    ck_assert(talk_is_sent(talk));
    ck_assert_sent(visit, _i == 0 ? "0012command=clean\n000fpathname=b\n00000000"
                                  : "0013command=smudge\n000fpathname=b\n00000000");
    free(visit);
}
END_TEST

/* A server that greets before it is spoken to, while our greeting waits. */
START_TEST(is_greeted_first)
{
    size_t left_bytes;
    struct visit *visit = begin("clean");
    ck_assert_int_eq(receive(visit, WELCOME OFFER, strlen(WELCOME OFFER), 1000, 1, &left_bytes),
                     MR_OK);
    send_all(visit, "", 0, false, 1000);
    ck_assert_sent(visit, "0016git-filter-client\n000eversion=2\n0000"
                          "0015capability=clean\n0016capability=smudge\n0000");
    free(visit);
}
END_TEST

/* Content of every size around that of a packet arrives whole, and no packet is too large. */
START_TEST(sends_large_content)
{
    static const size_t sizes[] = {1, 65400, 65500, 65515, 65516, 65517, 65536, 131032, 200000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct visit *visit = greeted();
        unsigned char *content = support_noise(i, sizes[i]);
        ck_assert_ok(talk_ask(&visit->talk, "a", &visit->err), visit->err);
        size_t half = sizes[i] / 3;
        send_all(visit, (char *)content, half, false, 100000);
        send_all(visit, (char *)content + half, sizes[i] - half, true, 100000);
        struct pkt_parser parser = {0};
        struct pkt_part part;
        const unsigned char *bytes = (unsigned char *)visit->sent;
        size_t count = visit->sent_count, flush_count = 0, got = 0;
        while (count > 0) {
            enum pkt_event event = pkt_parse(&parser, &bytes, &count, SIZE_MAX, &part);
            ck_assert(event == PKT_DATA || event == PKT_FLUSH);
            if (event == PKT_FLUSH) {
                flush_count++;
                continue;
            }
            ck_assert(part.is_end && part.bytes > 0);
            if (flush_count == 1) {
                ck_assert_int_eq(memcmp(content + got, part.data, part.bytes), 0);
                got += part.bytes;
            }
        }
        ck_assert_uint_eq(flush_count, 2);
        ck_assert_uint_eq(got, sizes[i]);
        free(content);
        free(visit);
    }
}
END_TEST

START_TEST(refuses_long_names)
{
    struct visit *visit = greeted();
    char *name = malloc(70000);
    ck_assert_ptr_nonnull(name);
    memset(name, 'n', 70000);
    static const size_t sizes[] = {4095, 65300, 65467, 65468, 65516, 69999};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        name[sizes[i]] = '\0';
        enum mr_status status = talk_ask(&visit->talk, name, &visit->err);
        name[sizes[i]] = 'n';
        ck_assert_int_eq(status, i < 3 ? MR_OK : MR_E_UNSUPPORTED);
        if (status != MR_OK)
            continue;
        name[sizes[i]] = '\0';
        visit->sent_count = 0;
        send_all(visit, "c", 1, true, 100000);
        name[sizes[i]] = 'n';
        ck_assert_uint_eq(visit->sent_count, 18 + 14 + sizes[i] + 4 + 5 + 4);
        size_t left_bytes;
        ck_assert_int_eq(receive(visit, "0010status=error0000", 20, 100, 1, &left_bytes), MR_DONE);
    }
    free(name);
    free(visit);
}
END_TEST

static const struct {
    const char *text;
    enum talk_answer answer;
    const char *made;
    size_t left_bytes;
} answers[] = {
    {"0012status=success000000000000", TALK_ANSWER_SUCCESS, "", 0},
    {"0013status=success\n000000000000", TALK_ANSWER_SUCCESS, "", 0},
    {"0012status=success00000005a00040005b00000000", TALK_ANSWER_SUCCESS, "ab", 0},
    {"0008x=yz0012status=success00000005a00000008x=yz0000", TALK_ANSWER_SUCCESS, "a", 0},
    /* The last status of a list counts, as for git. */
    {"0010status=error0012status=success00000005a00000000", TALK_ANSWER_SUCCESS, "a", 0},
    {"0012status=success00000005a00000012status=success0000", TALK_ANSWER_SUCCESS, "a", 0},
    {"0012status=success00000005a00000010status=error0000", TALK_ANSWER_ERROR, "a", 0},
    {"0012status=success00000005a00000010status=abort0000", TALK_ANSWER_ABORT, "a", 0},
    {"0010status=error0000", TALK_ANSWER_ERROR, "", 0},
    {"0010status=abort0000", TALK_ANSWER_ABORT, "", 0},
    {"0010status=error00000000", TALK_ANSWER_ERROR, "", 4},
    {"0012status=success000000000000junk", TALK_ANSWER_SUCCESS, "", 4},
    /* Content may look like anything. */
    {"0012status=success00000014status=error000000000000", TALK_ANSWER_SUCCESS, "status=error0000",
     0},
};

START_TEST(takes_answers)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        for (size_t cut_bytes = 1; cut_bytes < 70; cut_bytes++)
            for (size_t room_bytes = 1; room_bytes < 20; room_bytes += 3) {
                struct visit *visit = greeted();
                ck_assert_ok(talk_ask(&visit->talk, "a", &visit->err), visit->err);
                /* On every second run before its content is sent. */
                send_all(visit, "x", 1, cut_bytes % 2, 1000);
                size_t left_bytes;
                enum mr_status status = receive(visit, answers[i].text, strlen(answers[i].text),
                                                cut_bytes, room_bytes, &left_bytes);
                ck_assert_int_eq(status, MR_DONE);
                ck_assert_int_eq(visit->talk.answer, answers[i].answer);
                ck_assert_uint_eq(left_bytes, answers[i].left_bytes);
                ck_assert_uint_eq(visit->made_count, strlen(answers[i].made));
                ck_assert_int_eq(memcmp(visit->made, answers[i].made, visit->made_count), 0);
                free(visit);
            }
}
END_TEST

static const struct {
    const char *text, *error;
} bad_greetings[] = {
    {"Load", "its stdout has \"Load\" where a packet of git's protocol should begin"},
    {"0000", "its greeting is not complete"},
    {"0015git-filter-server0000", "its greeting is not complete"},
    {"0014git-filter-serve", "it said \"git-filter-serve\" instead of git-filter-server"},
    {"0016git-filter-servers", "it said \"git-filter-servers\" instead of git-filter-server"},
    {"0004", "it said \"\" instead of git-filter-server"},
    {"0015git-filter-server000dversion=3", "it said \"version=3\" instead of version=2"},
    {"0015git-filter-server000dversion=2000dversion=3",
     "it said \"version=3\" instead of the end of its greeting"},
    {WELCOME "0000", "it does not offer the command clean"},
    {WELCOME "0015capability=smudge0000", "it does not offer the command clean"},
    {WELCOME "0015capability=cleane0000", "it does not offer the command clean"},
    {WELCOME OFFER "0012status=success", "it spoke before it was asked"},
    {"0006\x1b[", "it said \"\\x1b[\" instead of git-filter-server"},
};

/* The line says why, and no more than it. */
START_TEST(shows_what_is_no_packet)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"Not in a Git repository.\r\nUsage:\n", "its stdout has \"Not in a Git repository.\" "
                                                 "where a packet of git's protocol should begin"},
        {"\x1b[1mLoading", "its stdout has \"\\x1b[1mLoading\" where a packet of git's protocol "
                           "should begin"},
        {"a\nb\nc\nd",
         "its stdout has \"a\\nb\\nc\" where a packet of git's protocol should begin"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct visit *visit = begin("clean");
        size_t left_bytes;
        ck_assert_int_eq(receive(visit, cases[i].text, strlen(cases[i].text), 1000, 1, &left_bytes),
                         MR_E_CHILD);
        ck_assert_str_eq(visit->err.text, cases[i].error);
        free(visit);
    }
}
END_TEST

START_TEST(refuses_other_greetings)
{
    for (size_t i = 0; i < sizeof(bad_greetings) / sizeof(bad_greetings[0]); i++)
        for (size_t cut_bytes = 1; cut_bytes < 90; cut_bytes += 4) {
            struct visit *visit = begin("clean");
            size_t left_bytes;
            const char *text = bad_greetings[i].text;
            ck_assert_int_eq(receive(visit, text, strlen(text), cut_bytes, 1, &left_bytes),
                             MR_E_CHILD);
            ck_assert_str_eq(visit->err.text, bad_greetings[i].error);
            free(visit);
        }
}
END_TEST

static const struct {
    const char *text, *error;
} bad_answers[] = {
    {"0000", "it answered without a status"},
    {"0007x=y0000", "it answered without a status"},
    {"0012status=delayed0000", "it answered \"status=delayed\", which has no meaning here"},
    {"000bstatus=0000", "it answered \"status=\", which has no meaning here"},
    {"0013status=successs0000", "it answered \"status=successs\", which has no meaning here"},
    {"0012status=success0000what",
     "its stdout has \"what\" where a packet of git's protocol should begin"},
    {"0012status=success00000005afff1",
     "its stdout has \"fff1\" where a packet of git's protocol should begin"},
    {"0012status=success00000005a00000001",
     "its stdout has \"0001\" where a packet of git's protocol should begin"},
    {"0012status=success000000000012status=delayed",
     "it answered \"status=delayed\", which has no meaning here"},
};

START_TEST(refuses_other_answers)
{
    for (size_t i = 0; i < sizeof(bad_answers) / sizeof(bad_answers[0]); i++)
        for (size_t cut_bytes = 1; cut_bytes < 60; cut_bytes += 3) {
            struct visit *visit = greeted();
            ck_assert_ok(talk_ask(&visit->talk, "a", &visit->err), visit->err);
            send_all(visit, "x", 1, true, 1000);
            size_t left_bytes;
            const char *text = bad_answers[i].text;
            ck_assert_int_eq(receive(visit, text, strlen(text), cut_bytes, 3, &left_bytes),
                             MR_E_CHILD);
            ck_assert_str_eq(visit->err.text, bad_answers[i].error);
            free(visit);
        }
}
END_TEST

/* Lines of any length, and with NUL, are taken and mean nothing. */
START_TEST(takes_long_lines)
{
    struct visit *visit = greeted();
    ck_assert_ok(talk_ask(&visit->talk, "a", &visit->err), visit->err);
    send_all(visit, "x", 1, true, 1000);
    size_t left_bytes;
    char *line = malloc(PKT_DATA_BYTES_MAX);
    ck_assert_ptr_nonnull(line);
    memset(line, 'k', PKT_DATA_BYTES_MAX);
    for (size_t bytes = 240; bytes < 270; bytes++) {
        line[bytes - 1] = '\n';
        char head[8];
        snprintf(head, sizeof(head), "%04zx", bytes + 4);
        ck_assert_int_eq(receive(visit, head, 4, 4, 1, &left_bytes), MR_OK);
        ck_assert_int_eq(receive(visit, line, bytes, 100, 1, &left_bytes), MR_OK);
        line[bytes - 1] = 'k';
    }
    ck_assert_int_eq(receive(visit, "fff0", 4, 4, 1, &left_bytes), MR_OK);
    ck_assert_int_eq(receive(visit, line, PKT_DATA_BYTES_MAX, 1000, 1, &left_bytes), MR_OK);
    ck_assert_int_eq(receive(visit, "0013status=success\0", 19, 100, 1, &left_bytes), MR_E_CHILD);
    ck_assert_str_eq(visit->err.text, "it answered \"status=success \", which has no meaning here");
    free(line);
    free(visit);
}
END_TEST

START_TEST(takes_no_endless_list)
{
    for (int phase = 0; phase < 3; phase++) {
        struct visit *visit = phase == 0 ? begin("clean") : greeted();
        size_t left_bytes;
        enum mr_status status = MR_OK;
        if (phase == 0)
            status = receive(visit, WELCOME, strlen(WELCOME), 100, 1, &left_bytes);
        else
            ck_assert_ok(talk_ask(&visit->talk, "a", &visit->err), visit->err);
        send_all(visit, "x", 1, true, 1000);
        if (phase == 2)
            status = receive(visit, "0012status=success00000000", 26, 100, 1, &left_bytes);
        int count = 0;
        for (; status == MR_OK && count < 2000; count++)
            status = receive(visit, "0007a=b", 7, 100, 1, &left_bytes);
        ck_assert_int_eq(status, MR_E_CHILD);
        ck_assert_int_eq(count, TALK_LINES_MAX + 1);
        ck_assert_str_eq(visit->err.text, "it sent more than 1000 lines in one list");
        free(visit);
    }
}
END_TEST

/* Random packets and random bytes: every cut is survived, and ends the same way as in one piece. */
START_TEST(survives_noise)
{
    static const char *const pieces[] = {"0000",
                                         "0004",
                                         "0012status=success",
                                         "0010status=error",
                                         "0005a",
                                         "0010status=abort",
                                         WELCOME,
                                         OFFER,
                                         "00",
                                         "fff0",
                                         "status=",
                                         "\xff",
                                         "0007abc"};
    uint64_t seed = 1;
    for (int i = 0; i < 5000; i++) {
        char text[512];
        size_t bytes = 0;
        if (support_random(&seed) % 4 > 0)
            bytes = (size_t)snprintf(text, sizeof(text), "%s%s", WELCOME, OFFER);
        for (uint64_t left = support_random(&seed) % 8; left > 0; left--) {
            const char *piece =
                pieces[support_random(&seed) % (sizeof(pieces) / sizeof(pieces[0]))];
            memcpy(text + bytes, piece, strlen(piece));
            bytes += strlen(piece);
            require(bytes + 110 < sizeof(text));
        }
        enum mr_status first = MR_OK;
        size_t first_made = 0;
        for (int cut = 0; cut < 3; cut++) {
            struct visit *visit = begin("clean");
            ck_assert_ok(talk_ask(&visit->talk, "a", &visit->err), visit->err);
            size_t left_bytes, begun = bytes;
            enum mr_status status = MR_OK;
            if (bytes >= strlen(WELCOME OFFER) &&
                memcmp(text, WELCOME OFFER, strlen(WELCOME OFFER)) == 0) {
                begun -= strlen(WELCOME OFFER);
                status = receive(visit, text, bytes - begun, 1000, 3, &left_bytes);
                send_all(visit, "x", 1, true, 1000);
            }
            if (status == MR_OK)
                status = receive(visit, text + (bytes - begun), begun,
                                 cut == 0 ? 1000 : 1 + support_random(&seed) % 9,
                                 1 + support_random(&seed) % 9, &left_bytes);
            require(status == MR_OK || status == MR_DONE || status == MR_E_CHILD);
            require((status == MR_E_CHILD) == (visit->err.text[0] != '\0'));
            if (cut == 0) {
                first = status;
                first_made = visit->made_count;
            }
            require(status == first);
            require(visit->made_count == first_made);
            free(visit);
        }
    }
}
END_TEST

Suite *talk_suite(void)
{
    Suite *suite = suite_create("talk");
    TCase *cases = tcase_create("talk");
    tcase_add_loop_test(cases, greets_and_asks, 0, 2);
    tcase_add_test(cases, is_greeted_first);
    tcase_add_test(cases, sends_large_content);
    tcase_add_test(cases, refuses_long_names);
    tcase_add_test(cases, takes_answers);
    tcase_add_test(cases, refuses_other_greetings);
    tcase_add_test(cases, shows_what_is_no_packet);
    tcase_add_test(cases, refuses_other_answers);
    tcase_add_test(cases, takes_long_lines);
    tcase_add_test(cases, takes_no_endless_list);
    tcase_add_test(cases, survives_noise);
    suite_add_tcase(suite, cases);
    return suite;
}
