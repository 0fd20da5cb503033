/*
 * archive_serve.h - the helper's side of reading an archive in a process of its own: libarchive on
 * the bytes that the parent gives, and what it finds to the parent. See archive_shared.h.
 */
#ifndef MR_SOURCE_ARCHIVE_SERVE_H
#define MR_SOURCE_ARCHIVE_SERVE_H

#include <stdbool.h>

/* Loads what every archive needs, and what is a file, which cannot be had later. Once, before the
 * processes that serve are forked. */
void archive_serve_prepare(void);

/*
 * Serves one archive until its end, or until the parent is gone, with the descriptors of
 * archive_shared.h. is_confined: enters the sandbox (base/sandbox.h) before it looks at the
 * archive. False: the parent did not start this as it should.
 */
bool archive_serve(bool is_confined);

#endif
