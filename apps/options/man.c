/* The man pages, as roff. */
#include "apps/options/options.h"
#include "ulite/error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What every page ends with: without a text the title of a section. docs/exit-codes.md says more
 * of the codes. */
static const char *const every_page[][2] = {
    {"EXIT STATUS", NULL},
    {"0", "all done"},
    {"1", "a batch finished, some cases failed; `verify`: something was found; `segment --strict`: "
          "a segment is doubtful"},
    {"2", "wrong use of the command line"},
    {"3", "an input cannot be read or is not what it claims"},
    {"4", "several volumes fit, or none: nothing was chosen"},
    {"5", "the geometry cannot be served"},
    {"6", "the model file is invalid, or was not made for this input"},
    {"7", "an output cannot be written"},
    {"8", "out of memory, or over a documented limit"},
    {"9", "not supported"},
    {"10", "interrupted (Ctrl-C, SIGTERM, SIGHUP, SIGXCPU)"},
    {"11", "training diverged"},
    {"70", "a bug in ulite"},
    {"ENVIRONMENT", NULL},
    {"ULITE_MODELS", "folders of models that a name stands for, with colons between them"},
    {"ULITE_MAX_MEMORY", "as --max-memory, which wins"},
    {"ULITE_CPU", "scalar, neon, avx2 or avx512: the instruction set that is used"},
    {"OMP_NUM_THREADS", "how many threads run where --threads does not say"},
    {"TMPDIR", "where archives are unpacked; /tmp by default"},
    {"FILES", NULL},
    {"PREFIX/share/ulite/models", "the bundled models"},
    {"PREFIX/share/doc/ulite/docs", "the manual, and the schemas of all JSON"},
};

/* A line of a text, or where whole is set options and their values, which are not broken. Returns
 * where the next one begins; NULL: nowhere. */
static const char *put_line(const char *text, bool whole) {
    static const char special[] = "\\-`'^~";
    static const char *const names[] = {"\\e", "\\-", "\\(ga", "\\(aq", "\\(ha", "\\(ti"};
    if (*text == '.')
        printf("\\&");
    for (; *text && *text != '\n'; text++) {
        const char *found = strchr(special, *text);
        if (found)
            fputs(names[found - special], stdout);
        else if (whole && *text == ' ' && !strchr("-[", text[1]))
            fputs("\\ ", stdout);
        else
            putchar(*text);
    }
    putchar('\n');
    return *text ? text + 1 : NULL;
}

static void put_about(const char *about) {
    puts(".SH DESCRIPTION");
    for (const char *line = about; line;) {
        if (line != about && *line != '\n')
            puts(*line == ' ' ? ".IP \\(bu 2" : ".PP");
        line = *line == '\n' ? line + 1 : put_line(line + strspn(line, " "), false);
    }
}

static void put_option(cli_option o) {
    puts(".TP");
    if (o.letter)
        printf("\\fB\\-%c\\fR, ", o.letter);
    printf("\\fB\\-\\-");
    for (const char *c = o.name; *c; c++)
        printf(*c == '-' ? "\\-" : "%c", *c);
    printf(o.value ? "\\fR \\fI%s\\fR\n" : "\\fR\n", o.value);
    put_line(o.help, false);
}

static void put_command(const cli_command *c) {
    char upper[16] = "";
    for (size_t n = 0; c->name[n] && n + 1 < sizeof upper; n++)
        upper[n] = (char)toupper((unsigned char)c->name[n]);
    printf(".TH ULITE\\-%s 1 \"\" \"ulite %s\" \"User Commands\"\n"
           ".SH NAME\nulite\\-%s \\- %s\n.SH SYNOPSIS\n",
        upper, ul_version(), c->name, c->summary);
    for (const char *line = c->usage; line;) {
        printf(".SY \"ulite %s\"\n", c->name);
        line = put_line(line, true);
        puts(".YS");
    }
    put_about(c->about);
    puts(".SH OPTIONS");
    for (size_t n = 0; options_at(c, n).name; n++)
        put_option(options_at(c, n));
}

static void put_program(void) {
    printf(".TH ULITE 1 \"\" \"ulite %s\" \"User Commands\"\n"
           ".SH NAME\nulite \\- U\\-Lite segmentation of DICOM and NIfTI on the CPU\n"
           ".SH SYNOPSIS\n.SY ulite\nCOMMAND\\ [ARGUMENTS]\n.YS\n.SH DESCRIPTION\n"
           "Not a medical device; research use only.\n.SH COMMANDS\n",
        ul_version());
    for (size_t n = 0; cli_commands[n]; n++) {
        printf(".TP\n.BR ulite\\-%s (1)\n", cli_commands[n]->name);
        put_line(cli_commands[n]->summary, false);
    }
}

void options_man(const cli_command *command) {
    if (command)
        put_command(command);
    else
        put_program();
    for (size_t n = 0; n < sizeof every_page / sizeof every_page[0]; n++) {
        const char *term = every_page[n][0], *text = every_page[n][1];
        printf(text ? ".TP\n%s\n" : ".SH %s\n", term);
        if (text)
            put_line(text, false);
        else if (n == 0 && command && command->exits)
            put_line(command->exits, false);
    }
    if (command) {
        puts(".SH EXAMPLES\n.EX");
        for (const char *line = command->examples; line;)
            line = put_line(line, false);
        puts(".EE\n.SH SEE ALSO\n.BR ulite (1)");
    }
}
