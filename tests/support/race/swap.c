/*
 * swap.c - swap A B [A B]...: exchanges each A with its B, again and again, until SIGTERM; then
 * every A is what it was in the beginning, as far as it is still there. Prints how often it did.
 *
 * For races: A is a directory or file that a program works on, B a symbolic link that leads out.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define PAIRS_MAX 64

/* Asked for, not handled: under ThreadSanitizer a handler would wait for a call that it knows. */
static bool is_over(const sigset_t *end)
{
    static const struct timespec at_once;
    return sigtimedwait(end, NULL, &at_once) > 0;
}

static bool exchange(char *const *pair)
{
    return renameat2(AT_FDCWD, pair[0], AT_FDCWD, pair[1], RENAME_EXCHANGE) == 0;
}

int main(int argc, char **argv)
{
    int pair_count = (argc - 1) / 2;
    bool is_swapped[PAIRS_MAX] = {false};
    unsigned long count = 0;
    if (argc % 2 == 0 || pair_count == 0 || pair_count > PAIRS_MAX) {
        fprintf(stderr, "usage: %s A B [A B]...\n", argv[0]);
        return 2;
    }
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    while (!is_over(&end)) {
        for (int i = 0; i < pair_count; i++) {
            if (!exchange(argv + 1 + 2 * i))
                continue;
            is_swapped[i] = !is_swapped[i];
            count++;
        }
    }
    for (int i = 0; i < pair_count; i++)
        if (is_swapped[i])
            exchange(argv + 1 + 2 * i);
    printf("%lu\n", count);
    return 0;
}
