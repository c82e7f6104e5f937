/* What every subcommand says and how: errors, messages, progress. */
#pragma once

#include "apps/base/command.h"
#include "ulite/error.h"

#include <stdio.h>

/* --quiet, --debug, --progress, --json as given; one per process. */
typedef struct console {
    bool quiet, debug, json;
    bool events; /* set by a command whose --json is a stream of events, a line each: progress is
                    one of them */
    const char *const *words; /* as they were typed, from the command on; NULL at the end */
    void (*failed)(const ul_error *error); /* set by a command whose --json is such a stream: tells
                                              of a failure there, too */
    enum {
        PROGRESS_AUTO,
        PROGRESS_ALWAYS,
        PROGRESS_NEVER,
        PROGRESS_SLICER /* elements on stdout that 3D Slicer draws a bar by */
    } progress;
} console;
extern console console_settings;

/* Whether the settings and the terminal want bars. */
bool console_wants_bar(void);

/* Under --debug: a line about the finished run on stderr. */
void console_debug(int exit_code);

/* Has every message for people given to new_listener, whatever --quiet says; NULL ends that.
 * console_listen: instead of stderr, and no bars are drawn; console_listen_too: beside it. */
typedef void console_listener(void *context, const char *line);
void console_listen(console_listener *new_listener, void *context);
void console_listen_too(console_listener *new_listener, void *context);

/* From now on what is said, and the JSON that is printed, calls a file or folder, and what is in
 * it, by another name; both texts are borrowed, until NULL ends all such names. At most 64. */
void console_call(const char *path, const char *name);

/* Whether a path is called by the name of the file at path, whatever links lead to it. */
bool console_calls(const char *path);

/* A text with the paths in it called so, cut to bytes. */
void console_called(const char *text, char *called, size_t bytes);

/* A text with one path in it called by another name, cut to bytes. */
void console_replace(
    const char *text, const char *path, const char *name, char *replaced, size_t bytes);

/* Prints a line, its control characters escaped, so that a file name can neither break it nor steer
 * a terminal. All the messages below are such lines. */
void console_line(FILE *stream, const char *format, ...) UL_PRINTF(2, 3);

/* Flushes stdout and remembers whether it failed. */
void console_flush(void);

/* Prints a text and a line's end on stdout, and remembers it where that failed. */
void console_print(const char *text);

/* Remembers that something is missing on stdout, and why: an errno. */
void console_lost(int why);

/* Ends the program: the exit code, or UL_ERROR_OUTPUT and a line on stderr where all went well but
 * stdout could not be written. */
int console_end(int exit_code);

/* Prints "ulite NAME: text" on stderr and returns the exit code of the error. */
int console_fail(const cli_command *command, const ul_error *error);

/* A wrong command line: prints the text and a pointer to --help; returns UL_ERROR_USAGE. */
int console_usage(const cli_command *command, const char *format, ...) UL_PRINTF(2, 3);

/* Likewise, where getopt has told what is wrong. */
int console_wrong_option(const cli_command *command);

/* A message for people on stderr, unless --quiet. */
void console_say(const char *format, ...) UL_PRINTF(1, 2);

/* Says each of some lines (may be NULL), with a prefix. */
void console_lines(const char *prefix, const char *lines);

/* A progress that draws a bar with rate and time left on stderr where the settings and the terminal
 * want one, prints events where the command's --json has them, and stops the work on Ctrl-C
 * (SIGINT), SIGTERM, SIGHUP and SIGXCPU, unless the program was started with them ignored. */
const ul_progress *console_progress(void);
