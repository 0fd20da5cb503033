#include "codec/sums.h"

#include <zlib.h>

#include "config.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#if MR_HAVE_ISAL
#include <isa-l/crc.h>
#endif

uint32_t sums_crc32(uint32_t sum, const void *bytes, size_t count)
{
    if (count == 0)
        return sum; /* the libraries take NULL for "the beginning" */
#if MR_HAVE_ISAL /* with AVX-512 twice as fast as libdeflate */
    return crc32_gzip_refl(sum, bytes, count);
#elif MR_HAVE_LIBDEFLATE
    return libdeflate_crc32(sum, bytes, count);
#else
    return (uint32_t)crc32_z(sum, bytes, count);
#endif
}

uint32_t sums_adler32(uint32_t sum, const void *bytes, size_t count)
{
    if (count == 0)
        return sum;
#if MR_HAVE_LIBDEFLATE
    return libdeflate_adler32(sum, bytes, count);
#else
    return (uint32_t)adler32_z(sum, bytes, count);
#endif
}

uint32_t sums_crc32_join(uint32_t first, uint32_t second, size_t count)
{
    /* The sum of nothing, as it is at the beginning of every small file. */
    return first == 0 ? second : (uint32_t)crc32_combine(first, second, (z_off_t)count);
}

uint32_t sums_adler32_join(uint32_t first, uint32_t second, size_t count)
{
    return (uint32_t)adler32_combine(first, second, (z_off_t)count);
}
