/*
 * talk: what a filter process says, in git's packets.
 *
 * How its bytes are cut up makes no difference; content is never more than what was received, and
 * goes no further than the room for it.
 */
#include "fuzz/fuzz.h"
#include "operation/talk.h"

struct visit {
    enum mr_status status; /* MR_OK: it wants to hear more */
    enum talk_answer answer;
    size_t used_bytes;
    unsigned item_count;
    struct fuzz_bytes made;
    char text[MR_ERROR_TEXT_BYTES];
};

/* Sends all there is to send, the content "content". */
static void send_all(struct talk *talk)
{
    const unsigned char *in = (const unsigned char *)"content";
    size_t in_bytes = 7;
    while (talk_fill(talk, &in, &in_bytes, true)) {
        fuzz_require(talk->send_at < talk->send_count && talk->send_count <= TALK_SEND_BYTES);
        talk->send_at = talk->send_count;
    }
}

/* One call, with a piece and a room of just these sizes. */
static void take(struct talk *talk, struct visit *visit, const uint8_t *data, size_t given,
                 size_t room_bytes)
{
    struct mr_error err = {0};
    unsigned char *piece = fuzz_copy(data, given), *room = malloc(room_bytes);
    const unsigned char *in = piece;
    unsigned char *out = room;
    size_t left = given, out_bytes = room_bytes;
    fuzz_require(room);
    visit->status = talk_take(talk, &in, &left, &out, &out_bytes, &err);
    fuzz_require(in == piece + given - left && out == room + room_bytes - out_bytes);
    fuzz_require(visit->status == MR_OK || visit->status == MR_DONE || visit->status == MR_E_CHILD);
    fuzz_require(visit->status != MR_OK || left == 0 || out_bytes == 0);
    fuzz_bytes_add(&visit->made, room, room_bytes - out_bytes);
    fuzz_require(visit->made.size_bytes <= visit->used_bytes + given - left);
    visit->used_bytes += given - left;
    memcpy(visit->text, err.text, sizeof(err.text));
    free(room);
    free(piece);
}

static struct visit listen(const uint8_t *data, size_t size_bytes, size_t piece_bytes,
                           size_t room_bytes)
{
    static struct talk talk;
    struct visit visit = {0};
    memset(&talk, 0xa5, sizeof(talk)); /* talk_begin() clears what counts */
    talk_begin(&talk, "clean");
    fuzz_require(talk_ask(&talk, "name", NULL) == MR_OK);
    while (visit.status == MR_OK) {
        size_t left = size_bytes - visit.used_bytes;
        if (left == 0)
            break;
        send_all(&talk);
        /* What comes together with the end of the greeting would be said before it is asked. */
        size_t most = talk_is_greeted(&talk) ? piece_bytes : 1;
        take(&talk, &visit, data + visit.used_bytes, left < most ? left : most, room_bytes);
        if (visit.status == MR_DONE) {
            visit.item_count++;
            visit.answer = talk.answer;
            if (talk.answer == TALK_ANSWER_ABORT)
                break;
            fuzz_require(talk.answer != TALK_ANSWER_NONE);
            fuzz_require(talk_is_greeted(&talk));
            visit.status = talk_ask(&talk, "next", NULL);
        }
    }
    return visit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    size_t piece_bytes = 1 + fuzz_take_byte(&input), room_bytes = 1 + fuzz_take_byte(&input) % 16;
    struct visit whole = listen(input.bytes, input.left_bytes, SIZE_MAX, 65536);
    struct visit parts = listen(input.bytes, input.left_bytes, piece_bytes, room_bytes);
    fuzz_require(whole.status == parts.status && whole.answer == parts.answer);
    fuzz_require(whole.item_count == parts.item_count);
    fuzz_require(strcmp(whole.text, parts.text) == 0);
    fuzz_require(fuzz_bytes_equal(&whole.made, &parts.made));
    fuzz_bytes_fini(&whole.made);
    fuzz_bytes_fini(&parts.made);
    return 0;
}
