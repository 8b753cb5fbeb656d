// features.h comes first: without it fd_set is declared by two modules and they clash.
#include <features.h>
#include <zlib.h>

// Swift imports no macro that takes arguments. 16 is for gzip's header and trailer around the data.
static inline int larder_gzip_begin(z_streamp stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

static inline int larder_gunzip_begin(z_streamp stream) { return inflateInit2(stream, 15 + 16); }
