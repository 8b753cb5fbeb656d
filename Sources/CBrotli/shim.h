// features.h comes first: without it fd_set is declared by two modules and they clash.
#include <features.h>
#include <brotli/decode.h>
#include <brotli/encode.h>
