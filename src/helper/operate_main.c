/* operate_main.c - millrace-operate: runs operations on content that it is handed in shared memory.
 */
#include <sys/socket.h>

#include "base/helper.h"
#include "helper/begin.h"

int main(void)
{
    char message;
    begin();
    while (recv(HELPER_SOCKET_FD, &message, sizeof(message), 0) > 0)
        continue;
    return 0;
}
