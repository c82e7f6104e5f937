/* The options of a command: one table, which is parsed by, and which --help, the man page and the
 * completion print. A new option is an entry in the table of its command, and a member. */
#pragma once

#include "apps/base/command.h"

#include <getopt.h> /* optind */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cli_kind {
    CLI_KIND_SAID,
    CLI_KIND_NOTHING,
    CLI_KIND_HELP,
    CLI_KIND_FLAG,
    CLI_KIND_TEXT,
    CLI_KIND_LIST,
    CLI_KIND_WHOLE,
    CLI_KIND_ABOVE_0,
    CLI_KIND_SIZE,
    CLI_KIND_WORD,
    CLI_KIND_CALL
} cli_kind;

typedef struct cli_option {
    const char *name;  /* without dashes */
    char letter;       /* 0: none */
    const char *value; /* what --help calls its argument; NULL: it takes none */
    const char *help;  /* NULL: said only by the commands that list it */
    cli_kind kind;
    size_t offset, bytes;            /* of the member that it sets */
    size_t count_offset;             /* CLI_LIST */
    const char *choice;              /* CLI_FILE, CLI_WORD */
    bool (*takes)(const char *path); /* further condition on the name of a file; NULL: none */
    double low, high;
    int (*call)(const cli_command *command, void *values, const char *argument);
} cli_option;

/* The end of an entry says what becomes of the argument: `{"rle", 0, NULL, "help", CLI_FLAG(rle)}`.
 * CLI_VALUES is defined where the table is: the struct whose members are set. */
#define CLI_MEMBER(type, member)                                                                   \
    .offset = offsetof(CLI_VALUES, member) +                                                       \
              0 * sizeof((type *)0 == &((CLI_VALUES *)0)->member)        /* it has this type */
#define CLI_FLAG(member) .kind = CLI_KIND_FLAG, CLI_MEMBER(bool, member) /* true */
#define CLI_TEXT(member) .kind = CLI_KIND_TEXT, CLI_MEMBER(const char *, member)
/* A file's name with one of some endings, said as ".json or .csv". */
#define CLI_FILE(member, endings) CLI_TEXT(member), .choice = endings
/* As often as the array has room. */
#define CLI_LIST(member, count)                                                                    \
    .kind = CLI_KIND_LIST, CLI_MEMBER(const char *, member[0]),                                    \
    .high = sizeof((CLI_VALUES *)0)->member / sizeof(char *),                                      \
    .count_offset = offsetof(CLI_VALUES, count)
#define CLI_INTEGER(member)                                                                        \
    .offset = offsetof(CLI_VALUES, member), .bytes = sizeof((CLI_VALUES *)0)->member
/* A whole number from least to most: int, long or size_t. */
#define CLI_WHOLE(member, least, most)                                                             \
    .kind = CLI_KIND_WHOLE, CLI_INTEGER(member), .low = least, .high = most
/* A number above 0, at most that: double. */
#define CLI_ABOVE_0(member, most) .kind = CLI_KIND_ABOVE_0, CLI_MEMBER(double, member), .high = most
/* As ul_memory_parse reads it, or where least is 0 also "0": uint64_t. */
#define CLI_SIZE(member, least) .kind = CLI_KIND_SIZE, CLI_MEMBER(uint64_t, member), .low = least
/* One of some words, said as "original or regular": its number, the first is .low (0). An enum, an
 * int or a bool. */
#define CLI_WORD(member, words) .kind = CLI_KIND_WORD, CLI_INTEGER(member), .choice = words
/* A function, which returns UL_OK or the exit code of a wrong argument, which it has told. */
#define CLI_CALL(function) .kind = CLI_KIND_CALL, .call = function
/* Nothing: what it says is so anyway. */
#define CLI_NOTHING .kind = CLI_KIND_NOTHING
/* No option of its own: what one that every command takes means to this command. */
#define CLI_SAID .kind = CLI_KIND_SAID

/* Those that every command takes; the last one has no name. */
extern const cli_option options_general[];

/* Sets what the command line says, in the command's values or console_settings. Returns -1, and the
 * further arguments, as many as the command takes, begin at argv[optind]; or the exit code with
 * which the program ends: --help was printed, or what is wrong was told. */
int options_parse(const cli_command *command, int argc, char **argv);

/* Whether the variables of the environment that every command heeds have values that can be meant;
 * else prints which has not. */
bool options_environment(const cli_command *command);

/* The next word of a choice, "a, b or c (why)": what is in brackets is none. False at its end. */
enum { OPTIONS_WORD_BYTES = 32 };
bool options_next_word(const char **choice, char word[OPTIONS_WORD_BYTES]);

/* The n-th option as --help has it: those of the command, then those of every command, in its words
 * where its table has some. One without a name: there is none. */
cli_option options_at(const cli_command *command, size_t n);

/* What --help prints; no line is longer than 80 columns. */
void options_help(const cli_command *command);

/* The man page of a command (NULL: of the program) as roff. */
void options_man(const cli_command *command);

/* For completion: a line for each option, with the words that it takes. */
void options_list(const cli_command *command);
