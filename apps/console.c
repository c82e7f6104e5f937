#include "console.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

console console_settings;

static volatile sig_atomic_t interrupted;

bool console_option(const cli_command *command, int option, const char *argument, int *exit_code) {
    *exit_code = -1;
    switch (option) {
    case 'h':
        fputs(command->help, stdout);
        *exit_code = 0;
        return true;
    case 'q':
        console_settings.quiet = true;
        return true;
    case 1001:
        console_settings.debug = true;
        return true;
    case 1002:
        if (strcmp(argument, "auto") == 0)
            console_settings.progress = PROGRESS_AUTO;
        else if (strcmp(argument, "always") == 0)
            console_settings.progress = PROGRESS_ALWAYS;
        else if (strcmp(argument, "never") == 0)
            console_settings.progress = PROGRESS_NEVER;
        else
            *exit_code = console_usage(
                command, "--progress takes auto, always or never, not \"%s\"", argument);
        return true;
    case 1003:
        console_settings.json = true;
        return true;
    default:
        return false;
    }
}

int console_fail(const cli_command *command, const ul_error *error) {
    fprintf(stderr, "ulite %s: %s\n", command->name, error->text);
    return (int)error->status;
}

int console_usage(const cli_command *command, const char *format, ...) {
    fprintf(stderr, "ulite %s: ", command->name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (see `ulite %s --help`)\n", command->name);
    return UL_ERROR_USAGE;
}

void console_say(const char *format, ...) {
    if (console_settings.quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

static bool report(void *context, const char *stage, size_t done, size_t total) {
    (void)context;
    bool terminal = isatty(STDERR_FILENO);
    bool draw =
        !console_settings.quiet && (console_settings.progress == PROGRESS_ALWAYS ||
                                       (console_settings.progress == PROGRESS_AUTO && terminal));
    if (draw) {
        enum { WIDTH = 30 };
        size_t filled = total ? done * WIDTH / total : 0;
        char bar[WIDTH + 1];
        for (size_t i = 0; i < WIDTH; i++)
            bar[i] = i < filled ? '#' : '.';
        bar[WIDTH] = '\0';
        fprintf(
            stderr, "\r%-12s [%s] %zu/%zu%s", stage, bar, done, total, done == total ? "\n" : "");
    }
    return !interrupted;
}

const ul_progress *console_progress(void) {
    static const ul_progress progress = {report, NULL};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &progress;
}
