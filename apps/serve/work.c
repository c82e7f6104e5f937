/* What a worker does, in a process of its own. */
#include "apps/archive/archive.h"
#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/serve/serve.h"
#include "io/base/json.h"
#include "io/net/wado.h"
#include "jobs/base/paths.h"
#include "jobs/serve/plain_nrrd.h"
#include "jobs/serve/store.h"
#include "ulite/nrrd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { UNPACKED_TIMES = 16 }; /* what is unpacked, of what may be uploaded */

/* A series from the DICOMweb server. *path: the caller's. */
static ul_status fetch_series(
    const serve *s, const char *folder, const char *series, char **path, ul_error *error) {
    enum { SILENT_SECONDS = 60 };
    const wado_server server = {s->dicomweb, s->authorization, SILENT_SECONDS, s->upload_bytes};
    *path = files_join(folder, "fetched");
    if (!*path || mkdir(*path, 0700) != 0)
        return ul_error_set(error, UL_ERROR_OUTPUT, "no folder for the series can be made");
    return wado_fetch_series(&server, series, *path, error);
}

/* The input itself, or what an archive holds. *path: the caller's. */
static ul_status open_input(
    const serve *s, const char *folder, const char *input, char **path, ul_error *error) {
    char *unpacked = files_join(folder, "unpacked");
    ul_status status = UL_OK;
    *path = NULL;
    if (!archive_is(input))
        *path = strdup(input);
    else if (unpacked)
        status = archive_unpack(
            input, unpacked, UNPACKED_TIMES * s->upload_bytes, console_progress(), path, error);
    if (status == UL_OK && !*path && unpacked && archive_is(input)) { /* several files */
        *path = unpacked;
        unpacked = NULL;
    }
    free(unpacked);
    if (status == UL_OK && !*path)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the input");
    return status;
}

/* What may be asked for, and the kinds of inputs that allow it or, of no list, suggest it. */
static const struct {
    const char *name, *file;
    unsigned allowed, suggested; /* bits by input_kind */
} formats[] = {{"seg", SERVE_SEG, 1 << INPUT_SERIES, 1 << INPUT_SERIES},
    {"nifti", SERVE_NIFTI, 1 << INPUT_SERIES | 1 << INPUT_NIFTI | 1 << INPUT_NRRD,
        1 << INPUT_SERIES | 1 << INPUT_NIFTI},
    {"nrrd", SERVE_NRRD, 1 << INPUT_SERIES | 1 << INPUT_NIFTI | 1 << INPUT_NRRD, 1 << INPUT_NRRD},
    {"png", SERVE_PNG, 1 << INPUT_PNG, 1 << INPUT_PNG}};

enum { FORMATS = sizeof formats / sizeof formats[0] };

/* Whether a list, by comma, has a name. */
static bool lists(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length]))
            return true;
    return false;
}

/* paths: of the formats' files. */
static ul_status choose_outputs(const serve_request *r, input_kind kind, char *const paths[],
    segment_arguments *a, ul_error *error) {
    for (size_t f = 0; f < FORMATS; f++)
        if (r->formats ? lists(r->formats, formats[f].name) && (formats[f].allowed >> kind & 1)
                       : formats[f].suggested >> kind & 1)
            a->outputs[a->output_count++] = paths[f];
    if (a->output_count > 0)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_USAGE,
        "no format that the input allows is asked for: seg, nifti and nrrd of DICOM, nifti and "
        "nrrd of NIfTI and NRRD, png of PNG");
}

/* What viewers ask for beside the NRRD, of which it is made. */
static ul_status write_plain(const char *folder, unsigned bits, ul_error *error) {
    char *nrrd = files_join(folder, SERVE_NRRD), *plain = files_join(folder, SERVE_PLAIN);
    char *centroids = files_join(folder, SERVE_CENTROIDS);
    ul_labels labels = {0};
    ul_status status = nrrd && plain && centroids
                           ? ul_nrrd_read_labels(nrrd, &labels, NULL, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the outputs");
    if (status == UL_OK)
        status = plain_nrrd_write(plain, &labels, bits, error);
    if (status == UL_OK)
        status = plain_nrrd_write_centroids(centroids, &labels, error);
    ul_labels_free(&labels);
    free(nrrd);
    free(plain);
    free(centroids);
    return status;
}

static ul_status segment_input_of(
    const serve *s, const serve_request *r, const char *folder, ul_error *error) {
    const serve_model *model = r->model ? serve_find_model(s, r->model) : NULL;
    char *paths[FORMATS] = {0}, *input = NULL;
    char *stats = files_join(folder, SERVE_STATS), *preview = files_join(folder, SERVE_PREVIEW),
         *view = files_join(folder, SERVE_VIEW);
    bool good = stats && preview && view;
    for (size_t f = 0; f < FORMATS; f++)
        good = (paths[f] = files_join(folder, formats[f].file)) != NULL && good;
    ul_status status =
        good ? UL_OK : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the outputs");
    if (status == UL_OK && !model)
        status = ul_error_set(error, UL_ERROR_USAGE, "there is no such model");
    if (status == UL_OK)
        status = r->input ? open_input(s, folder, r->input, &input, error)
                          : fetch_series(s, folder, r->series, &input, error);
    segment_arguments a = {.inputs = {input},
        .input_count = 1,
        .model = model ? model->model.path : NULL,
        .series = r->input ? r->series : NULL,
        .only = r->only,
        .threads = s->threads,
        .force = r->force,
        .stats = stats,
        .preview = r->preview ? preview : NULL,
        .html = r->view ? view : NULL};
    if (status == UL_OK)
        status = choose_outputs(r, input_kind_of(input), paths, &a, error);
    if (status == UL_OK)
        status = segment_case(&a, &model->model, NULL, error);
    if (status == UL_OK && r->plain)
        status = write_plain(folder, r->plain, error);
    for (size_t f = 0; f < FORMATS; f++)
        free(paths[f]);
    free(stats);
    free(preview);
    free(view);
    free(input);
    return status;
}

/* What is said to people becomes events. */
static void tell(void *context, const char *line) {
    (void)context;
    segment_event("note", NULL, line);
}

static ul_status work(const serve *s, const char *folder, ul_error *error) {
    serve_request request = {0};
    cJSON *json = NULL;
    char *task = files_join(folder, SERVE_TASK), *events = files_join(folder, SERVE_EVENTS);
    ul_status status = UL_OK;
    if (!task || !events || !freopen(events, "w", stdout))
        status = ul_error_set(error, UL_ERROR_LIMIT, "no room for the events of a task");
    if (status == UL_OK)
        status = ul_json_read(task, &json, error);
    if (status == UL_OK)
        status = ul_json_read_fields(json, &serve_request_table, &request, error);
    if (status == UL_OK && request.keep_id)
        status = store_keep(s->store,
            &(store_item){.id = request.keep_id,
                .image = request.keep_image,
                .label = request.keep_label,
                .names = request.names},
            error);
    else if (status == UL_OK)
        status = segment_input_of(s, &request, folder, error);
    cJSON_Delete(json);
    free(task);
    free(events);
    return status;
}

/* Where our folders lie is no business of a client. */
static void hide_folder(const char *folder, ul_error *error) {
    size_t length = strlen(folder);
    for (char *at; (at = strstr(error->text, folder)) != NULL;)
        memmove(
            at, at + length + (at[length] == '/'), strlen(at + length + (at[length] == '/')) + 1);
}

int serve_work(void *context, const char *folder) {
    const serve *s = context;
    ul_error error = {0};
    console_settings.json = console_settings.events = true;
    console_settings.progress = PROGRESS_NEVER;
    console_listen(tell, NULL);
    ul_status status = work(s, folder, &error);
    hide_folder(folder, &error);
    if (s->images)
        hide_folder(s->images, &error);
    if (s->store)
        hide_folder(s->store, &error);
    if (status != UL_OK)
        event_failed(&error);
    return console_end((int)status);
}
