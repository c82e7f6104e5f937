#include "console.h"
#include "info.h"
#include "model_path.h"
#include "ulite/seg.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int info_run(int argc, char **argv);

const cli_command cmd_info = {.name = "info",
    .summary = "tell what a model, a folder or an image file holds",
    .help = "Usage: ulite info PATH [--json]\n"
            "\n"
            "PATH is a model file or the name of a bundled model: prints the network's shape, the\n"
            "model card and the other metadata. Or PATH is a folder, searched recursively, or a\n"
            "DICOM file: lists the series in it, with what is odd about them; of a DICOM\n"
            "Segmentation, its segments.\n"
            "\n"
            "      --json          one JSON object on stdout\n"
            "  -q, --quiet         no messages\n"
            "\n"
            "Examples:\n"
            "  ulite info hippocampus\n"
            "  ulite info model.safetensors --json\n"
            "  ulite info exported_study/\n",
    .run = info_run};

/* A safetensors file: eight bytes of header length, then a JSON object. */
static bool is_model(const char *path) {
    unsigned char start[9] = {0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t count = fread(start, 1, sizeof start, file);
    fclose(file);
    return count == sizeof start && start[8] == '{' && start[6] == 0 && start[7] == 0;
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), wanted = strlen(suffix);
    return length >= wanted && strcmp(text + length - wanted, suffix) == 0;
}

static ul_status tell(const char *given, ul_error *error) {
    struct stat about;
    bool there = stat(given, &about) == 0;
    bool model =
        there ? S_ISREG(about.st_mode) && (has_suffix(given, ".safetensors") || is_model(given))
              : !strchr(given, '/') && !strchr(given, '.');
    if (model) {
        char path[MODEL_PATH_BYTES];
        ul_status status = model_path_find(given, path, error);
        return status == UL_OK ? info_model(path, error) : status;
    }
    if (there && S_ISREG(about.st_mode) && ul_seg_probe(given))
        return info_seg(given, error);
    if (there)
        return info_dicom(given, error);
    return ul_error_set(error, UL_ERROR_INPUT, "%s: there is no such file", given);
}

static int info_run(int argc, char **argv) {
    static const struct option options[] = {CONSOLE_OPTIONS, {0}};
    int option, exit_code;
    while ((option = getopt_long(argc, argv, CONSOLE_SHORT, options, NULL)) != -1) {
        if (!console_option(&cmd_info, option, optarg, &exit_code))
            return console_usage(&cmd_info, "unknown option or missing value");
        if (exit_code >= 0)
            return exit_code;
    }
    if (argc - optind != 1)
        return console_usage(&cmd_info, "takes one path, not %d", argc - optind);
    ul_error error = {0};
    return tell(argv[optind], &error) == UL_OK ? UL_OK : console_fail(&cmd_info, &error);
}
