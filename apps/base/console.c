#include "apps/base/console.h"
#include "libulite/base/output.h"
#include "libulite/base/resources.h"
#include "ulite/session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CONSOLE_LINE_BYTES = 8192 }; /* two of the longest paths */

console console_settings;

static volatile sig_atomic_t interrupted;
static int stdout_errno; /* why stdout could not be written at first, 0: it could */

static console_listener *listener; /* NULL: none */
static void *listener_context;
static bool listener_alone; /* nothing comes to stderr */

void console_listen(console_listener *new_listener, void *context) {
    listener = new_listener;
    listener_context = context;
    listener_alone = new_listener;
}

static struct { const char *path, *name; /* borrowed */ } calls[64];
static size_t call_count;

void console_call(const char *path, const char *name) {
    if (!path)
        call_count = 0;
    else if (call_count < sizeof calls / sizeof calls[0]) {
        calls[call_count].path = path;
        calls[call_count++].name = name;
    }
}

bool console_calls(const char *path) {
    for (size_t n = 0; n < call_count; n++)
        if (ul_same_file(path, calls[n].name))
            return true;
    return false;
}

void console_replace(
    const char *text, const char *path, const char *name, char *replaced, size_t bytes) {
    size_t used = 0;
    for (const char *found; used < bytes && (found = strstr(text, path));
         text = found + strlen(path))
        used += (size_t)snprintf(
            replaced + used, bytes - used, "%.*s%s", (int)(found - text), text, name);
    if (used < bytes)
        snprintf(replaced + used, bytes - used, "%s", text);
}

void console_called(const char *text, char *called, size_t bytes) {
    char before[CONSOLE_LINE_BYTES];
    snprintf(called, bytes, "%s", text);
    for (size_t n = 0; n < call_count; n++) {
        if (!strstr(called, calls[n].path))
            continue;
        snprintf(before, sizeof before, "%s", called);
        console_replace(before, calls[n].path, calls[n].name, called, bytes);
    }
}

void console_listen_too(console_listener *new_listener, void *context) {
    console_listen(new_listener, context);
    listener_alone = false;
}

static void put_line(FILE *stream, bool quiet, const char *format, va_list arguments) {
    char text[CONSOLE_LINE_BYTES], said[CONSOLE_LINE_BYTES];
    vsnprintf(said, sizeof said, format, arguments);
    console_called(said, text, sizeof text);
    if (listener && stream == stderr)
        listener(listener_context, text);
    if (quiet || (listener_alone && stream == stderr))
        return;
    for (const char *at = text; *at; at++)
        if (*at == '\n')
            fputs("\\n", stream);
        else if (((unsigned char)*at < ' ' && *at != '\t') || *at == '\177')
            fprintf(stream, "\\x%02x", (unsigned)*at);
        else
            fputc(*at, stream);
    fputc('\n', stream);
}

void console_line(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_line(stream, false, format, arguments);
    va_end(arguments);
}

/* Of a stream of events a failure is the last one. */
static void tell_failed(const ul_error *error) {
    if (console_settings.json && console_settings.failed)
        console_settings.failed(error);
}

int console_wrong_option(const cli_command *command) {
    fprintf(stderr, "see `ulite %s --help`\n", command->name);
    tell_failed(&(ul_error){UL_ERROR_USAGE, "no such option, or one without its value"});
    return UL_ERROR_USAGE;
}

void console_debug(int exit_code) {
    ul_isa level;
    struct rusage used;
    if (!console_settings.debug || getrusage(RUSAGE_SELF, &used) != 0)
        return;
    fprintf(stderr,
        "ulite %s: kernels %s, %ld cores, %.2f s of them used, peak memory %ld MiB, exit %d (%s)\n",
        ul_version(), ul_cpu_isa(&level, NULL) == UL_OK ? ul_isa_name(level) : "wrong ULITE_CPU",
        sysconf(_SC_NPROCESSORS_ONLN),
        (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
            (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6,
        used.ru_maxrss / 1024, exit_code, ul_status_name((ul_status)exit_code));
}

int console_fail(const cli_command *command, const ul_error *error) {
    tell_failed(error);
    console_line(stderr, "ulite %s: %s", command->name, error->text);
    return (int)error->status;
}

int console_usage(const cli_command *command, const char *format, ...) {
    ul_error error = {.status = UL_ERROR_USAGE};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    ul_error_suffix(&error, " (see `ulite %s --help`)", command->name);
    return console_fail(command, &error);
}

void console_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_line(stderr, console_settings.quiet, format, arguments);
    va_end(arguments);
}

void console_lines(const char *prefix, const char *lines) {
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        console_say("%s%.*s", prefix, (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void console_lost(int why) {
    stdout_errno = stdout_errno ? stdout_errno : why;
}

void console_print(const char *text) {
    if (puts(text) == EOF)
        console_lost(errno);
}

void console_flush(void) {
    if (fflush(stdout) != 0)
        console_lost(errno);
}

int console_end(int exit_code) {
    console_flush();
    if (ferror(stdout))
        console_lost(EIO); /* of a write that did not wait for a flush */
    if (stdout_errno == 0)
        return exit_code;
    fprintf(stderr, "ulite: stdout cannot be written (%s); what it got is incomplete\n",
        strerror(stdout_errno));
    return exit_code == UL_OK ? UL_ERROR_OUTPUT : exit_code;
}

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

/* What is being drawn: a stage's clock starts with its first report. */
typedef struct bar {
    char stage[32];
    double start, last_drawn;
    bool open; /* the line on the terminal is not ended yet */
} bar;

bool console_wants_bar(void) {
    if (console_settings.quiet || listener_alone)
        return false;
    return console_settings.progress == PROGRESS_ALWAYS ||
           (console_settings.progress == PROGRESS_AUTO && isatty(STDERR_FILENO));
}

static void end_line(bar *b) {
    if (b->open)
        fputc('\n', stderr);
    b->open = false;
}

/* "reading      [######........................] 60/300  41.2/s  0:05 left"; without a total
 * "listing      60  41.2/s" */
static void draw(bar *b, size_t done, size_t total, double now) {
    enum { WIDTH = 30 };
    char cells[WIDTH + 1];
    size_t filled = total ? (size_t)((double)done / (double)total * WIDTH) : 0;
    for (size_t i = 0; i < WIDTH; i++)
        cells[i] = i < filled ? '#' : '.';
    cells[WIDTH] = '\0';
    double rate = now > b->start ? (double)done / (now - b->start) : 0;
    if (total)
        fprintf(stderr, "\r%-12s [%s] %zu/%zu", b->stage, cells, done, total);
    else
        fprintf(stderr, "\r%-12s %zu", b->stage, done);
    if (rate > 0 && done < total) {
        unsigned long left = (unsigned long)((double)(total - done) / rate + 0.5);
        fprintf(stderr, "  %.3g/s  %lu:%02lu left\033[K", rate, left / 60, left % 60);
    } else if (rate > 0) {
        fprintf(stderr, "  %.3g/s\033[K", rate);
    }
    fflush(stderr);
    b->open = true;
    b->last_drawn = now;
}

/* {"event": "progress", ...} on stdout, a line each. */
static void print_event(const bar *b, size_t done, size_t total, double now) {
    printf("{\"event\":\"progress\",\"stage\":\"%s\",\"done\":%zu,\"total\":%zu,\"seconds\":%.3f,"
           "\"version\":1}\n",
        b->stage, done, total, now - b->start);
    console_flush();
}

/* The elements of the Slicer Execution Model on stdout: a stage begins, goes on, ends. */
static void print_elements(const bar *b, size_t done, size_t total, double now, bool fresh) {
    if (fresh)
        printf("<filter-start><filter-name>%s</filter-name></filter-start>\n", b->stage);
    printf("<filter-progress>%.3f</filter-progress>\n", (double)done / (double)total);
    if (done == total)
        printf("<filter-end><filter-name>%s</filter-name><filter-time>%.3f</filter-time>"
               "</filter-end>\n",
            b->stage, now - b->start);
    console_flush();
}

static bool report(void *context, const char *stage, size_t done, size_t total) {
    bar *b = context;
    double now = ul_seconds();
    bool fresh = strncmp(b->stage, stage, sizeof b->stage - 1) != 0;
    if (fresh) {
        end_line(b);
        snprintf(b->stage, sizeof b->stage, "%s", stage);
        b->start = b->last_drawn = now;
    }
    /* Ten times a second is enough for an eye, and a short stage needs no bar at all. */
    bool due = now - b->last_drawn >= 0.1 || (done == total && total && (b->open || fresh));
    if (due && console_wants_bar())
        draw(b, done, total, now);
    if (due && total && console_settings.json && console_settings.events) {
        print_event(b, done, total, now);
        b->last_drawn = now;
    }
    if ((due || fresh || done == total) && total && console_settings.progress == PROGRESS_SLICER) {
        print_elements(b, done, total, now, fresh);
        b->last_drawn = now;
    }
    if (done == total || interrupted)
        end_line(b);
    return !interrupted;
}

const ul_progress *console_progress(void) {
    static bar drawn;
    static const ul_progress progress = {report, &drawn};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        struct sigaction action;
        /* What the caller has us ignore (nohup, a job in the background) stays ignored. */
        if (sigaction(numbers[n], NULL, &action) != 0 || action.sa_handler != SIG_DFL)
            continue;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_signal;
        sigaction(numbers[n], &action, NULL);
    }
    return &progress;
}
