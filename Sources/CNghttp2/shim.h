// features.h comes first: without it fd_set is declared by two modules and they clash.
#include <features.h>
#include <nghttp2/nghttp2.h>
