#include "apps/archive/archive.h"
#include "apps/base/inputs.h"
#include "apps/base/target.h"
#include "apps/info/info.h"
#include "apps/options/options.h"
#include "jobs/base/model_path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const cli_option table[] = {
    {"json", 0, NULL, CLI_SAID, .help = "one JSON object on stdout"},
    {0},
};

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

static ul_status tell_file(const char *path, ul_error *error) {
    switch (input_kind_of(path)) {
    case INPUT_NIFTI:
    case INPUT_NRRD:
    case INPUT_PNG:
        return info_volume(path, error);
    case INPUT_SEG:
        return info_seg(path, error);
    case INPUT_RTSTRUCT:
    case INPUT_SERIES:
        break;
    }
    return info_dicom(path, error);
}

static ul_status tell(const char *given, ul_error *error) {
    struct stat about;
    bool there = stat(given, &about) == 0;
    bool model = there
                     ? S_ISREG(about.st_mode) && (ends_in(given, ".safetensors") || is_model(given))
                     : !strchr(given, '/') && !strchr(given, '.');
    if (model) {
        char path[MODEL_PATH_BYTES];
        ul_error unknown = {0};
        if (model_path_find(given, path, &unknown) == UL_OK)
            return info_model(path, error);
        if (!there)
            return ul_error_set(error, UL_ERROR_INPUT,
                "there is no such file or folder, and no bundled model: %s", unknown.text);
        return ul_error_set(error, unknown.status, "%s", unknown.text);
    }
    if (!there)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: there is no such file or folder", given);
    if (S_ISDIR(about.st_mode))
        return info_dicom(given, error);
    unpacked_inputs unpacked = {0};
    ul_status status = unpacked_open(&unpacked, &given, error);
    if (status == UL_OK)
        status = tell_file(given, error);
    unpacked_close(&unpacked, error);
    return status;
}

static int info_run(char **arguments, ul_error *error) {
    return tell(arguments[0], error);
}

const cli_command cmd_info = {.name = "info",
    .summary = "tell what a model, a folder or an image file holds",
    .usage = "PATH [--json]",
    .about =
        "PATH is one of\n"
        "  a folder, searched recursively, or a DICOM file: lists the volumes in it, with what "
        "--series takes, what tells parts of a series apart, and what is odd about each; files of "
        "other kinds are named for what they are\n"
        "  a zip or tar archive of one of these\n"
        "  a DICOM Segmentation: its segments, codes and colours\n"
        "  a NIfTI or NRRD volume or a PNG picture: size, spacing, orientation, range of values\n"
        "  a model file, or the name of a bundled model: the network's shape, the model card and "
        "the other metadata\n"
        "Names, identifiers and dates of patients are never printed.",
    .options = table,
    .fewest = 1,
    .most = 1,
    .takes = "one path",
    .examples = "ulite info hippocampus\n"
                "ulite info model.safetensors --json\n"
                "ulite info exported_study/",
    .run = info_run};
