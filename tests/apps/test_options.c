/* A table of options against command lines: what is set, what is refused and how that is told. */
#include "apps/base/console.h"
#include "apps/options/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct values {
    bool flag, on;
    const char *text, *file, *list[2];
    size_t list_count, size;
    int threads, word;
    long number;
    double real;
    uint64_t bytes, bytes_or_none;
    int called;
} values;

static int call(const cli_command *command, void *context, const char *argument) {
    ((values *)context)->called++;
    return strcmp(argument, "good") == 0 ? UL_OK : console_usage(command, "--call is not good");
}

#define CLI_VALUES values
static const cli_option table[] = {
    {"flag", 'f', NULL, CLI_FLAG(flag), .help = "a flag"},
    {"on", 0, "W", CLI_WORD(on, "off or on"), .help = "a word that is a bool"},
    {"text", 't', "T", CLI_TEXT(text), .help = "a text"},
    {"file", 0, "F", CLI_FILE(file, ".tsv (BIDS), .nii.gz or .json"), .help = "a file"},
    {"list", 'l', "L", CLI_LIST(list, list_count), .help = "a list"},
    {"size", 0, "N", CLI_WHOLE(size, 1, 1000000000), .help = "a size_t"},
    {"threads", 0, "N", CLI_WHOLE(threads, 0, 1024), .help = "an int"},
    {"number", 0, "N", CLI_WHOLE(number, -5, 5), .help = "a long"},
    {"real", 0, "X", CLI_ABOVE_0(real, 10), .help = "a double"},
    {"bytes", 0, "SIZE", CLI_SIZE(bytes, 1), .help = "a size in bytes"},
    {"bytes-or-none", 0, "SIZE", CLI_SIZE(bytes_or_none, 0), .help = "such a size, or 0"},
    {"word", 0, "W", CLI_WORD(word, "one, two or three"), .low = 1, .help = "a word"},
    {"call", 0, "C", CLI_CALL(call), .help = "a function"},
    {"so", 0, NULL, CLI_NOTHING, .help = "nothing"},
    {"json", 0, NULL, CLI_SAID, .help = "events"},
    {0},
};

static values given;
static const cli_command command = {
    .name = "test", .options = table, .values = &given, .most = 3, .takes = "at most three"};
static int rest;
static char said[1024];

static void keep(void *context, const char *line) {
    (void)context;
    snprintf(said, sizeof said, "%s", line);
}

/* Parses up to eight words. */
static int parse(values *v, const char *line) {
    static char words[512];
    char *argv[16] = {"ulite test"};
    int argc = 1;
    given = (values){.number = 99};
    said[0] = '\0';
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < 15; word = strtok(NULL, " "))
        argv[argc++] = word;
    int exit_code = options_parse(&command, argc, argv);
    rest = argc - optind;
    *v = given;
    return exit_code;
}

static void test_taken(void **state) {
    values v;
    (void)state;
    assert_true(parse(&v, "") == -1 && rest == 0 && !v.flag && v.number == 99);
    assert_true(parse(&v, "a -f b --so -- --text") == -1 && rest == 3 && v.flag && !v.text);
    assert_true(parse(&v, "-ft x") == -1 && v.flag && strcmp(v.text, "x") == 0 && rest == 0);
    assert_true(parse(&v, "--text=x --te y") == -1 && strcmp(v.text, "y") == 0);
    assert_true(parse(&v, "--file a.JSON") == -1 && strcmp(v.file, "a.JSON") == 0);
    assert_true(parse(&v, "--file a.nii.gz --on on --word three") == -1 && v.on && v.word == 3);
    assert_true(parse(&v, "--on on --on off --word one") == -1 && !v.on && v.word == 1);
    assert_true(
        parse(&v, "-l a --list b") == -1 && v.list_count == 2 && strcmp(v.list[1], "b") == 0);
    assert_true(parse(&v, "--size 1000000000 --threads 1024") == -1 && v.size == 1000000000 &&
                v.threads == 1024);
    assert_true(parse(&v, "--number -5 --real 1e1") == -1 && v.number == -5 && v.real == 10.0);
    assert_true(parse(&v, "--bytes 512M --bytes-or-none 0") == -1 &&
                v.bytes == (uint64_t)512 << 20 && v.bytes_or_none == 0);
    assert_true(parse(&v, "--call good --call good") == -1 && v.called == 2);
    assert_true(parse(&v, "--js --prog never -q") == -1 && console_settings.json &&
                console_settings.quiet && console_settings.progress == PROGRESS_NEVER);
    console_settings = (console){.quiet = false};
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--file a.nii", "--file takes a name in .tsv (BIDS), .nii.gz or .json, not \"a.nii\""},
        {"--file .json", "--file takes a name in"}, {"--file (BIDS)", "--file takes a name in"},
        {"-l a -l b -l c", "--list may be given at most 2 times"},
        {"--size 0", "--size takes a whole number from 1 to 1000000000, not \"0\""},
        {"--size 1000000001", "--size takes"}, {"--size 1x", "--size takes"},
        {"--size=", "--size takes"}, {"--size 99999999999999999999999", "--size takes"},
        {"--number -6", "--number takes a whole number from -5 to 5, not \"-6\""},
        {"--real 0", "--real takes a number above 0, at most 10, not \"0\""},
        {"--real nan", "--real takes"}, {"--real 10.1", "--real takes"},
        {"--bytes 0", "--bytes takes a size such as 512M or 8G, not \"0\""},
        {"--bytes-or-none 1Q", "--bytes-or-none takes a size"},
        {"--word or", "--word takes one, two or three, not \"or\""}, {"--word tw", "--word takes"},
        {"--word=", "--word takes"}, {"--call bad", "--call is not good"},
        {"--progress slow", "--progress takes auto, always, never or slicer, not \"slow\""},
        {"a b c d", "takes at most three, not 4 arguments"},
        {"--max-memory x", "--max-memory takes a size"}};
    values v;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        assert_true(parse(&v, cases[n].line) == UL_ERROR_USAGE);
        assert_true(strstr(said, cases[n].says) && strstr(said, "(see `ulite test --help`)"));
    }
    assert_true(parse(&v, "--nonsense") == UL_ERROR_USAGE);
    assert_true(parse(&v, "--flag=1") == UL_ERROR_USAGE);
    assert_true(parse(&v, "--text") == UL_ERROR_USAGE);
    assert_true(parse(&v, "--t x") == UL_ERROR_USAGE); /* --text or --threads */
}

static void test_told(void **state) {
    (void)state;
    assert_true(strcmp(options_at(&command, 0).name, "flag") == 0);
    assert_true(strcmp(options_at(&command, 14).name, "json") == 0);
    assert_true(strcmp(options_at(&command, 14).help, "events") == 0);
    assert_true(
        strcmp(options_at(&command, 15).name, "quiet") == 0); /* nothing is said of --progress */
    assert_true(!options_at(&command, 19).name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken), cmocka_unit_test(test_refused), cmocka_unit_test(test_told)};
    console_listen(keep, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
