/* read_main.c - millrace-read: reads archives by libarchive, each in a process of its own that is
 * confined to that. */
#include <unistd.h>

#include "helper/begin.h"
#include "helper/forks.h"
#include "source/archive_serve.h"

int main(void)
{
    begin();
    archive_serve_prepare();
    if (!forks_serve())
        return 0;
    /* Nothing of the archive's doing runs after this, as exit() might. */
    _exit(archive_serve(true) ? 0 : HELPER_EXIT_NO_LIMITS);
}
