/* read_main.c - millrace-read: reads an archive by libarchive, confined to that. */
#include <unistd.h>

#include "helper/begin.h"
#include "source/archive_serve.h"

int main(void)
{
    begin();
    /* Nothing of the archive's doing runs after this, as exit() might. */
    _exit(archive_serve(true) ? 0 : HELPER_EXIT_NO_LIMITS);
}
