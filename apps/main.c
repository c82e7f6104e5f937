#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/options/options.h"
#include "jobs/base/paths.h"
#include "ulite/error.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(FILE *stream) {
    fputs("Usage: ulite COMMAND [ARGUMENTS]\n\nCommands:\n", stream);
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(stream, "  %-9s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fputs("\n`ulite help COMMAND` tells more. Not a medical device; research use only.\n", stream);
}

static const cli_command *find_command(const char *name) {
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static int unknown_command(const char *name) {
    console_line(stderr, "ulite: no command \"%s\" (see `ulite --help`)", name);
    return UL_ERROR_USAGE;
}

/* Goes on as ulite-server, which has the same words. */
static int run_in_server(char **argv) {
    char folder[FILES_PATH_BYTES], *program = NULL;
    if (files_program_folder(folder))
        program = files_join(folder, "ulite-server");
    if (program)
        execv(program, argv);
    free(program);
    console_line(stderr, "ulite: the program ulite-server, which does this, is not beside ulite or "
                         "cannot be run: install both into one folder");
    return UL_ERROR_INPUT;
}

/* --man: roff, --options: lines for completion; of a command, or of the program. */
static int help(int argc, char **argv) {
    bool man = argc > 2 && strcmp(argv[2], "--man") == 0;
    bool list = argc > 2 && strcmp(argv[2], "--options") == 0;
    const char *name = argc > 2 + (man || list) ? argv[2 + (man || list)] : NULL;
    const cli_command *command = name ? find_command(name) : NULL;
    if (name && !command)
        return unknown_command(name);
    if (command && !command->run)
        return run_in_server(argv);
    if (man)
        options_man(command);
    else if (command)
        (list ? options_list : options_help)(command);
    else if (list)
        for (size_t i = 0; cli_commands[i]; i++)
            puts(cli_commands[i]->name);
    else
        print_help(stdout);
    return UL_OK;
}

static int run_command(const cli_command *command, int count, char **typed) {
    char name[32]; /* with which getopt begins its messages */
    char **words = calloc((size_t)count + 1, sizeof *words); /* whose order it changes */
    ul_error error = {0};
    if (!words)
        return console_fail(command, &(ul_error){UL_ERROR_LIMIT, "out of memory"});
    memcpy(words, typed, (size_t)count * sizeof *words);
    snprintf(name, sizeof name, "ulite %s", command->name);
    words[0] = name;
    console_settings.words = (const char *const *)typed;
    console_settings.failed = command->stream ? event_failed : NULL;
    int exit_code = options_parse(command, count, words);
    if (exit_code < 0)
        exit_code = command->run(words + optind, &error);
    free(words);
    return exit_code == UL_OK || error.status == UL_OK ? exit_code : console_fail(command, &error);
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return UL_ERROR_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("ulite %s\n", ul_version());
        return UL_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(argc, argv);
    const cli_command *command = find_command(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    if (!command->run)
        return run_in_server(argv);
    if (!options_environment(command))
        return UL_ERROR_USAGE;
    return run_command(command, argc - 1, argv + 1);
}

int main(int argc, char **argv) {
    json_out_prepare();
    /* A reader of stdout that goes away must not end the work between two outputs. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is told like a full disk */
    int exit_code = console_end(run(argc, argv));
    console_debug(exit_code);
    return exit_code;
}
