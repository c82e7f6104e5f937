/* To be preloaded: no thread can be started, as in a process that may have no more, and a word on
 * stderr for each that was wanted. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

int pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    static const char wanted[] = "thread wanted\n";
    (void)thread, (void)attributes, (void)start, (void)argument;
    return write(STDERR_FILENO, wanted, sizeof wanted - 1) < 0 ? EPERM : EAGAIN;
}
