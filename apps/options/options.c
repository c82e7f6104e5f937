#include "apps/options/options.h"

#include "apps/base/console.h"
#include "apps/base/target.h"
#include "ulite/resources.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MOST = 64 };

static int take_max_memory(const cli_command *command, void *values, const char *argument);

#define CLI_VALUES console
const cli_option options_general[] = {
    {"json", 0, NULL, NULL, CLI_FLAG(json)},
    {"progress", 0, "P", NULL, CLI_WORD(progress, "auto, always, never or slicer")},
    {"quiet", 'q', NULL, "no messages", CLI_FLAG(quiet)},
    {"max-memory", 0, "SIZE",
        "such as 512M or 8G: inputs that need more are refused (exit 8); else ULITE_MAX_MEMORY, "
        "else three quarters of the machine's or the container's memory",
        CLI_CALL(take_max_memory)},
    {"debug", 0, NULL,
        "ends with a line about the program, the machine, time and memory for a report of a fault, "
        "and names files found in folders by their whole paths, which may hold a patient's name",
        CLI_FLAG(debug)},
    {"help", 'h', NULL, "this text", .kind = CLI_KIND_HELP},
    {0},
};

bool options_next_word(const char **choice, char word[OPTIONS_WORD_BYTES]) {
    do {
        *choice += strspn(*choice, " ,");
        size_t length = strcspn(*choice, " ,");
        snprintf(word, OPTIONS_WORD_BYTES, "%.*s", (int)length, *choice);
        *choice += length;
    } while (strcmp(word, "or") == 0 || *word == '(');
    return *word;
}

cli_option options_at(const cli_command *command, size_t n) {
    for (const cli_option *o = command->options; o && o->name; o++)
        if (o->kind != CLI_KIND_SAID && n-- == 0)
            return *o;
    for (const cli_option *general = options_general; general->name; general++) {
        cli_option option = *general;
        for (const cli_option *o = command->options; o && o->name; o++)
            if (strcmp(o->name, general->name) == 0)
                option.help = o->help;
        if (option.help && n-- == 0)
            return option;
    }
    return (cli_option){0};
}

static int take_file(const cli_command *command, const cli_option *o, const char *path) {
    char ending[OPTIONS_WORD_BYTES];
    for (const char *at = o->choice; options_next_word(&at, ending);)
        if (ends_in(path, ending) && (!o->takes || o->takes(path)))
            return UL_OK;
    return console_usage(command, "--%s takes a name in %s, not \"%s\"", o->name, o->choice, path);
}

static void put_integer(void *member, size_t bytes, long number) {
    if (bytes == sizeof(bool))
        *(bool *)member = number;
    else if (bytes == sizeof(int))
        *(int *)member = (int)number;
    else
        *(long *)member = number;
}

static int take_word(
    const cli_command *command, const cli_option *o, void *member, const char *text) {
    char word[OPTIONS_WORD_BYTES];
    long number = (long)o->low;
    for (const char *at = o->choice; options_next_word(&at, word); number++)
        if (strcmp(word, text) == 0) {
            put_integer(member, o->bytes, number);
            return UL_OK;
        }
    return console_usage(command, "--%s takes %s, not \"%s\"", o->name, o->choice, text);
}

static int take_whole(
    const cli_command *command, const cli_option *o, void *member, const char *text) {
    char *end;
    long number = strtol(text, &end, 10);
    if (*end || end == text || number < (long)o->low || number > (long)o->high)
        return console_usage(command, "--%s takes a whole number from %ld to %ld, not \"%s\"",
            o->name, (long)o->low, (long)o->high, text);
    put_integer(member, o->bytes, number);
    return UL_OK;
}

static int take_above_0(
    const cli_command *command, const cli_option *o, double *number, const char *text) {
    char *end;
    *number = strtod(text, &end);
    if (*end || end == text || !(*number > 0.0 && *number <= o->high))
        return console_usage(
            command, "--%s takes a number above 0, at most %g, not \"%s\"", o->name, o->high, text);
    return UL_OK;
}

static int take_size(const cli_command *command, const char *option, double least, uint64_t *bytes,
    const char *text) {
    *bytes = 0;
    if ((least == 0.0 && strcmp(text, "0") == 0) || ul_memory_parse(text, bytes))
        return UL_OK;
    return console_usage(command, "%s takes a size such as 512M or 8G, not \"%s\"", option, text);
}

static int take_max_memory(const cli_command *command, void *values, const char *argument) {
    uint64_t bytes;
    int exit_code = take_size(command, "--max-memory", 1, &bytes, argument);
    (void)values;
    if (exit_code == UL_OK)
        ul_memory_set_limit(bytes);
    return exit_code;
}

bool options_environment(const cli_command *command) {
    uint64_t bytes;
    const char *size = getenv("ULITE_MAX_MEMORY");
    return !size || !size[0] ||
           take_size(command, "the variable ULITE_MAX_MEMORY", 1, &bytes, size) == UL_OK;
}

/* The exit code of a wrong argument, else UL_OK. */
static int take(const cli_command *command, const cli_option *o, void *values, const char *text) {
    char *member = (char *)values + o->offset, name[64];
    size_t *count = (size_t *)(void *)((char *)values + o->count_offset);
    switch (o->kind) {
    case CLI_KIND_FLAG:
        *(bool *)member = true;
        return UL_OK;
    case CLI_KIND_TEXT:
        *(const char **)(void *)member = text;
        return o->choice ? take_file(command, o, text) : UL_OK;
    case CLI_KIND_LIST:
        if (*count == (size_t)o->high)
            return console_usage(
                command, "--%s may be given at most %zu times", o->name, (size_t)o->high);
        ((const char **)(void *)member)[(*count)++] = text;
        return UL_OK;
    case CLI_KIND_WHOLE:
        return take_whole(command, o, member, text);
    case CLI_KIND_ABOVE_0:
        return take_above_0(command, o, (double *)(void *)member, text);
    case CLI_KIND_SIZE:
        snprintf(name, sizeof name, "--%s", o->name);
        return take_size(command, name, o->low, (uint64_t *)(void *)member, text);
    case CLI_KIND_WORD:
        return take_word(command, o, member, text);
    case CLI_KIND_CALL:
        return o->call(command, values, text);
    default:
        return UL_OK;
    }
}

/* The options of a command as getopt takes them; .val is the letter, or 256 and the index. */
typedef struct parser {
    const cli_option *options[OPTIONS_MOST];
    struct option longs[OPTIONS_MOST + 1];
    char shorts[2 * OPTIONS_MOST + 1];
    size_t count;
} parser;

static void add_options(parser *p, const cli_option *options) {
    for (const cli_option *o = options; o && o->name && p->count < OPTIONS_MOST; o++) {
        if (o->kind == CLI_KIND_SAID)
            continue;
        const char letter[] = {o->letter, o->value ? ':' : '\0', '\0'};
        strcat(p->shorts, letter);
        p->longs[p->count] = (struct option){o->name, o->value ? required_argument : no_argument,
            NULL, o->letter ? o->letter : 256 + (int)p->count};
        p->options[p->count++] = o;
    }
}

static int check_count(const cli_command *command, int count, char **arguments) {
    if (count >= command->fewest && count <= command->most)
        return -1;
    if (command->most == 0)
        return console_usage(command, "takes no argument, not \"%s\"", arguments[0]);
    return console_usage(
        command, "takes %s, not %d argument%s", command->takes, count, count == 1 ? "" : "s");
}

int options_parse(const cli_command *command, int argc, char **argv) {
    parser p = {.count = 0};
    add_options(&p, options_general);
    size_t general = p.count;
    add_options(&p, command->options);
    optind = 0; /* begins anew */
    for (int found; (found = getopt_long(argc, argv, p.shorts, p.longs, NULL)) >= 0;) {
        size_t n = 0;
        while (n < p.count && p.longs[n].val != found)
            n++;
        if (n == p.count)
            return console_wrong_option(command);
        if (p.options[n]->kind == CLI_KIND_HELP) {
            options_help(command);
            return UL_OK;
        }
        int exit_code =
            take(command, p.options[n], n < general ? &console_settings : command->values, optarg);
        if (exit_code != UL_OK)
            return exit_code;
    }
    return check_count(command, argc - optind, argv + optind);
}
