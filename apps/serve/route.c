/* Which part answers a request. */
#include "apps/base/console.h"
#include "apps/serve/serve.h"
#include "libulite/base/resources.h"

#include <pthread.h>
#include <string.h>

/* Without patient data: of the path only its first part, which is ours. That a client looks how far
 * its job is is not worth a line. */
static void say(const http_request *request, const http_reply *reply, double seconds) {
    if (reply->status < 400 && serve_below(request->path, "/api/jobs/"))
        return;
    size_t length = 1 + strcspn(request->path + (*request->path == '/'), "/");
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a line at a time */
    pthread_mutex_lock(&lock);
    console_say("%s %.*s %u %.3f s, %zu bytes in", request->method, length < 24 ? (int)length : 24,
        request->path, reply->status, seconds, request->body_bytes);
    pthread_mutex_unlock(&lock);
}

void serve_handle(void *context, const http_request *request, http_reply *reply) {
    serve *s = context;
    double start = ul_seconds();
    if (!serve_page(request, reply) && !serve_monai(s, request, reply) &&
        !serve_store(s, request, reply) && !serve_api(s, request, reply))
        http_reply_error(reply, 404, UL_ERROR_USAGE, "there is nothing of this name");
    say(request, reply, ul_seconds() - start);
}
