/* What of the table of options is printed: help, and lines for completion. */
#include "apps/options/options.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 80, TEXT_COLUMN = 24 };

/* Prints a line of a text whose first word is at column, further lines at indent. whole: options
 * with their values are not broken. Returns where the next line begins; NULL: nowhere. */
static const char *put_line(const char *text, int column, int indent, bool whole) {
    for (const char *end; *text && *text != '\n'; text = end) {
        end = text + 1; /* the space before a word is of the word */
        while (*end && *end != '\n' && !(*end == ' ' && (!whole || strchr("-[", end[1]))))
            end++;
        if (column + (int)(end - text) > COLUMNS) {
            printf("\n%*s", indent, "");
            column = indent;
            text += *text == ' ';
        }
        column += printf("%.*s", (int)(end - text), text);
    }
    putchar('\n');
    return *text ? text + 1 : NULL;
}

static void put_option(cli_option o) {
    int column = printf(o.letter ? "  -%c, " : "      ", o.letter);
    column += printf("--%s%s%s", o.name, o.value ? " " : "", o.value ? o.value : "");
    if (column >= TEXT_COLUMN)
        printf("\n%*s", TEXT_COLUMN, "");
    else
        printf("%*s", TEXT_COLUMN - column, "");
    put_line(o.help, TEXT_COLUMN, TEXT_COLUMN, false);
}

void options_help(const cli_command *c) {
    const char *begin = "Usage:";
    for (const char *line = c->usage; line; begin = "      ") {
        int column = printf("%s ulite %s ", begin, c->name);
        line = put_line(line, column, column, true);
    }
    putchar('\n');
    for (const char *line = c->about; line;)
        line = put_line(line, 0, *line == ' ' ? 6 : 0, false);
    putchar('\n');
    for (size_t n = 0; options_at(c, n).name; n++)
        put_option(options_at(c, n));
    if (c->exits) {
        putchar('\n');
        put_line(c->exits, 0, 0, false);
    }
    puts("\nExamples:");
    for (const char *line = c->examples; line;) {
        printf("  ");
        line = put_line(line, 2, 4, true);
    }
}

void options_list(const cli_command *c) {
    cli_option o;
    char word[OPTIONS_WORD_BYTES];
    for (size_t n = 0; (o = options_at(c, n)).name; n++) {
        printf("--%s", o.name);
        while (o.kind == CLI_KIND_WORD && options_next_word(&o.choice, word))
            printf(" %s", word);
        putchar('\n');
    }
}
