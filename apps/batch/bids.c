/* BIDS derivatives: the Brain Imaging Data Structure 1.8.0, "Derivatives". */
#define _XOPEN_SOURCE 700 /* realpath */

#include "apps/batch/batch.h"
#include "apps/convert/label_table.h"
#include "jobs/base/paths.h"
#include "libulite/base/output.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool batch_is_bids(const batch *b, const ul_case *item) {
    return item->bids && !b->arguments->name;
}

/* A label may hold letters and digits only. */
static void make_label(const char *text, char *label, size_t bytes) {
    size_t length = 0;
    for (; *text && length < bytes - 1; text++)
        if (isalnum((unsigned char)*text))
            label[length++] = *text;
    label[length] = '\0';
}

/* sub-1/anat/sub-1_T1w gives sub-1/anat/sub-1_seg-MODELHASH_desc-T1w_dseg: neither another model
 * nor another image of the same session has this name. */
ul_status batch_bids_name(
    const batch *b, const ul_case *item, char name[TARGET_PATH_BYTES], ul_error *error) {
    char model[128], suffix[128];
    const char *slash = strrchr(item->name, '/'), *last = strrchr(item->name, '_');
    bool parted = last && (!slash || last > slash);
    make_label(b->model.card.name, model, sizeof model);
    make_label(parted ? last + 1 : "image", suffix, sizeof suffix);
    int length = snprintf(name, TARGET_PATH_BYTES, "%.*s_seg-%s%.8s_desc-%s_dseg",
        parted ? (int)(last - item->name) : (int)strlen(item->name), item->name, model,
        b->model.hash, suffix);
    return length < TARGET_PATH_BYTES
               ? UL_OK
               : ul_error_set(error, UL_ERROR_OUTPUT, "the name of the output is too long");
}

static ul_status fail_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a BIDS sidecar");
}

/* A file: URI. */
static void put_uri(FILE *stream, const char *path) {
    fputs("file://", stream);
    for (; *path; path++)
        if (isalnum((unsigned char)*path) || strchr("/-._~", *path))
            fputc(*path, stream);
        else
            fprintf(stream, "%%%02X", (unsigned char)*path);
}

/* Where the raw data set is, seen from OUT: relative where OUT lies in it, so that both may be
 * moved. The caller's; NULL where memory ran out. */
static char *link_to(const char *raw, const char *out) {
    char *raw_path = realpath(raw, NULL), *out_path = realpath(out, NULL), *text = NULL;
    size_t size, length = raw_path ? strlen(raw_path) : 0;
    FILE *stream = raw_path && out_path ? open_memstream(&text, &size) : NULL;
    if (stream && strncmp(out_path, raw_path, length) == 0 && out_path[length] == '/') {
        for (const char *at = out_path + length; at; at = strchr(at + 1, '/'))
            fputs(at == out_path + length ? ".." : "/..", stream);
    } else if (stream) {
        put_uri(stream, raw_path);
    }
    if (stream)
        fclose(stream);
    free(raw_path);
    free(out_path);
    return text;
}

/* Takes the object over. */
static ul_status write_json(const char *path, cJSON *object, ul_error *error) {
    char *text = cJSON_Print(object);
    size_t length = text ? strlen(text) : 0;
    cJSON_Delete(object);
    if (!text)
        return fail_memory(error);
    text[length] = '\n'; /* in place of the NUL, which no one reads any more */
    ul_status status = ul_output_write(path, text, length + 1, error);
    free(text);
    return status;
}

static ul_status write_description(const char *path, const char *link, ul_error *error) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "Name", "Segmentations by ulite");
    cJSON_AddStringToObject(object, "BIDSVersion", "1.8.0");
    cJSON_AddStringToObject(object, "DatasetType", "derivative");
    cJSON *program = cJSON_CreateObject();
    cJSON_AddStringToObject(program, "Name", "ulite");
    cJSON_AddStringToObject(program, "Version", ul_version());
    cJSON_AddItemToArray(cJSON_AddArrayToObject(object, "GeneratedBy"), program);
    cJSON *source = cJSON_CreateObject();
    cJSON_AddStringToObject(source, "URL", link);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(object, "SourceDatasets"), source);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(object, "DatasetLinks"), "raw", link);
    return write_json(path, object, error);
}

/* Writes a file of OUT that is not there yet; a description that was edited stays. */
static ul_status write_once(const batch *b, const char *name, const char *link, ul_error *error) {
    static const char ignored[] = "runs*.jsonl\nvolumes*.csv\n*.html\n"; /* by validators */
    char *path = files_join(b->arguments->folder, name);
    ul_status status = path ? UL_OK : fail_memory(error);
    if (status == UL_OK && !files_exists(path))
        status = link ? write_description(path, link, error)
                      : ul_output_write(path, ignored, sizeof ignored - 1, error);
    free(path);
    return status;
}

ul_status batch_bids_begin(const batch *b, ul_error *error) {
    const char *raw = NULL;
    for (size_t i = 0; i < b->cohort.count; i++) {
        const ul_case *item = &b->cohort.cases[i];
        if (!batch_is_bids(b, item))
            continue;
        if (raw && strcmp(raw, item->input) != 0)
            return ul_error_set(error, UL_ERROR_USAGE,
                "%s and %s are two BIDS data sets: each needs an OUT of its own", raw, item->input);
        raw = item->input;
    }
    if (!raw)
        return UL_OK;
    char *link = link_to(raw, b->arguments->folder);
    ul_status status =
        link ? write_once(b, "dataset_description.json", link, error) : fail_memory(error);
    free(link);
    return status == UL_OK ? write_once(b, ".bidsignore", NULL, error) : status;
}

static cJSON *make_sidecar(const batch *b, const batch_turn *turn) {
    const ul_case *item = turn->item;
    char source[TARGET_PATH_BYTES + 16];
    snprintf(source, sizeof source, "bids:raw:%s", files_below(item->input, item->path));
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "Description", "Segmentation by a neural network");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(object, "Sources"), cJSON_CreateString(source));
    cJSON_AddBoolToObject(object, "Manual", false);
    cJSON *model = cJSON_AddObjectToObject(object, "Model");
    cJSON_AddStringToObject(model, "Name", b->model.card.name);
    cJSON_AddStringToObject(model, "SHA256", b->model.hash);
    cJSON_AddStringToObject(model, "Program", "ulite");
    cJSON_AddStringToObject(model, "ProgramVersion", ul_version());
    return object;
}

ul_status batch_bids_write(
    const batch *b, const batch_turn *turn, const segment_result *result, ul_error *error) {
    char path[TARGET_PATH_BYTES + 8];
    const char *slash = strrchr(turn->output, '/'), *name = slash ? slash + 1 : turn->output;
    int stem = (int)((size_t)(name - turn->output) + files_stem(name));
    snprintf(path, sizeof path, "%.*s.tsv", stem, turn->output);
    ul_status status = label_table_write(path, &result->segments, error);
    snprintf(path, sizeof path, "%.*s.json", stem, turn->output);
    return status == UL_OK ? write_json(path, make_sidecar(b, turn), error) : status;
}
