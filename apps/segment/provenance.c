/* What a report says of the run: what was typed, read and used. */
#include "apps/base/target.h"
#include "apps/segment/segment.h"
#include "io/base/libraries.h"

#include <string.h>

/* null where there is none. */
static void add_text(cJSON *object, const char *key, const char *text) {
    if (text && *text)
        cJSON_AddStringToObject(object, key, text);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_command(cJSON *report, const segment_arguments *arguments) {
    cJSON *command = cJSON_AddArrayToObject(report, "command");
    if (arguments->command)
        cJSON_AddItemToArray(command, cJSON_CreateString("ulite"));
    for (size_t n = 0; arguments->command && arguments->command[n]; n++)
        cJSON_AddItemToArray(command, cJSON_CreateString(arguments->command[n]));
}

/* Of DICOM the files are the report's "slices". */
static void add_input(cJSON *report, const segment_input *input) {
    static const char *const kinds[] = {[IMAGE_NONE] = "dicom",
        [IMAGE_NIFTI] = "nifti",
        [IMAGE_NRRD] = "nrrd",
        [IMAGE_PNG] = "png"};
    cJSON *object = cJSON_AddObjectToObject(report, "input");
    cJSON_AddStringToObject(object, "kind", kinds[input->file]);
    cJSON *files = input->paths[0] ? cJSON_AddArrayToObject(object, "files") : NULL;
    for (int f = 0; f < 2 && input->paths[f]; f++) {
        cJSON *file = cJSON_CreateObject();
        cJSON_AddStringToObject(file, "path", input->paths[f]);
        cJSON_AddStringToObject(file, "sha256", input->hashes[f]);
        cJSON_AddItemToArray(files, file);
    }
}

static void add_model(cJSON *report, const segment_input *input) {
    cJSON *model = cJSON_AddObjectToObject(report, "model");
    cJSON_AddStringToObject(model, "name", input->model_name);
    cJSON_AddStringToObject(model, "sha256", input->model_hash);
    cJSON_AddBoolToObject(model, "trained", input->model_card->trained);
    add_text(model, "licence", input->model_card->licence);
}

static bool is_jpeg2000(const ul_series *series) {
    const char *uid = ul_series_get_info(series)->transfer_syntax_uid;
    return strcmp(uid, "1.2.840.10008.1.2.4.90") == 0 || strcmp(uid, "1.2.840.10008.1.2.4.91") == 0;
}

/* Those that read the image or wrote the labels. */
static void add_libraries(
    cJSON *report, const segment_arguments *arguments, const segment_input *input) {
    bool used[LIBRARIES] = {false};
    used[LIBRARY_DCMTK] = input->series;
    used[LIBRARY_OPENJPEG] = input->file == IMAGE_NONE && is_jpeg2000(input->series);
    used[LIBRARY_PNG] = input->file == IMAGE_PNG;
    used[LIBRARY_ZLIB] = input->file != IMAGE_NONE;
    for (size_t n = 0; n < arguments->output_count; n++) {
        target_kind kind = target_of(arguments->outputs[n]);
        used[LIBRARY_PNG] = used[LIBRARY_PNG] || kind == TARGET_PNG;
        used[LIBRARY_ZLIB] =
            used[LIBRARY_ZLIB] || kind == TARGET_PNG || kind == TARGET_NIFTI || kind == TARGET_NRRD;
    }
    cJSON *object = cJSON_AddObjectToObject(report, "libraries");
    for (int which = 0; which < LIBRARIES; which++)
        if (used[which])
            cJSON_AddStringToObject(object, library_name(which), library_version(which));
}

void segment_add_provenance(cJSON *report, const segment_arguments *arguments, const ul_card *card,
    const segment_input *input) {
    cJSON_AddStringToObject(report, "ulite", ul_version());
    add_libraries(report, arguments, input);
    add_command(report, arguments);
    add_input(report, input);
    add_model(report, input);
    cJSON *options = cJSON_AddObjectToObject(report, "options");
    cJSON_AddBoolToObject(options, "tta",
        (arguments->flips || card->tta_default) && (card->tta_flip_x || card->tta_flip_y));
    cJSON_AddStringToObject(options, "type", seg_type_name(arguments->type));
    cJSON_AddBoolToObject(options, "fractional", arguments->type == UL_SEG_FRACTIONAL);
    cJSON_AddBoolToObject(options, "rle", arguments->rle);
    cJSON_AddBoolToObject(options, "deflated", arguments->deflated);
    cJSON_AddStringToObject(options, "grid", arguments->regular ? "regular" : "original");
    cJSON_AddBoolToObject(options, "force", arguments->force);
    add_text(report, "forced", input->forced);
    if (input->series)
        cJSON_AddStringToObject(
            report, "series_uid", ul_series_get_info(input->series)->series_uid);
}
