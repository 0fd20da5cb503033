/*
 * archive_reader.h - libarchive, reading one archive: recognises it, gives its members and their
 * content, and checks what libarchive lets pass. In a helper process unless the user wants it
 * otherwise: libarchive may loop for ever, crash, or end the process.
 */
#ifndef MR_SOURCE_ARCHIVE_READER_H
#define MR_SOURCE_ARCHIVE_READER_H

#include "source/archive_reading.h"

/*
 * Recognises the archive by reading its first header. input and wanted are copied, what they point
 * to must live as long. MR_OK (also for an archive that was made of nothing); MR_E_UNSUPPORTED: it
 * is no archive; MR_E_DATA, MR_E_SYSTEM, MR_E_MEMORY, MR_E_USAGE (the format).
 */
enum mr_status archive_reader_create(const struct archive_input *input,
                                     const struct archive_wanted *wanted,
                                     struct archive_reading **reading, struct mr_error *err);

/* Of the archive whose members are being given: is it cheap to give content that nobody asked for?
 * Not where it must be decoded, or sought for. After next(). */
bool archive_reader_is_flat(const struct archive_reading *reading);

#endif
