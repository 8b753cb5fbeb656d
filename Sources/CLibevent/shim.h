// features.h comes first: without it fd_set is declared by two modules and they clash.
#include <features.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Two functions that glibc declares for _GNU_SOURCE alone, which a module's header can't ask for.
extern int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);
extern int pthread_setname_np(unsigned long thread, const char *name);

/// Accepts one connection, non-blocking and closed on exec.
static inline int larder_accept(int descriptor, struct sockaddr_storage *address, socklen_t *length) {
    return accept4(descriptor, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// A new eventfd, non-blocking and closed on exec.
static inline int larder_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/// Adds one to an eventfd's counter, which wakes whoever waits for it.
static inline void larder_eventfd_wake(int descriptor) { (void)eventfd_write(descriptor, 1); }

/// Sets an eventfd's counter back to nothing.
static inline void larder_eventfd_clear(int descriptor) {
    eventfd_t count;
    (void)eventfd_read(descriptor, &count);
}

/// Names a thread for the system's tools; at most 15 bytes.
static inline void larder_name_thread(unsigned long thread, const char *name) { (void)pthread_setname_np(thread, name); }
