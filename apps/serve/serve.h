/* The parts of `ulite serve`: what a request asks for, the tasks that answer it, its pages. */
#pragma once

#include "apps/segment/segment.h"
#include "io/base/json_fields.h"
#include "io/http/http.h"
#include "io/http/multipart.h"
#include "jobs/serve/queue.h"
#include "jobs/serve/sessions.h"

#include <cJSON.h>

enum { SERVE_MAX_MODELS = 64, SERVE_MAX_ORIGINS = 16, SERVE_MAX_FILES = 65536 };

/* A model that requests may name. */
typedef struct serve_model {
    char name[65];
    segment_model model;
} serve_model;

typedef struct serve {
    serve_model models[SERVE_MAX_MODELS];
    size_t model_count;
    char *store;               /* the folder of images and corrected labels, owned; NULL: none */
    const char *images;        /* the folder whose series requests may name; NULL: none */
    const char *dicomweb;      /* the URL of a server whose series requests may name; NULL: none */
    const char *authorization; /* there, NULL: none */
    uint64_t upload_bytes;
    int threads;                          /* of each task */
    char *folder;                         /* of all that is temporary, owned */
    char *tasks_folder, *sessions_folder; /* within, owned */
    sessions *sessions;
    queue *queue;
} serve;

const serve_model *serve_find_model(const serve *s, const char *name);

/* The names of files in a task's folder. */
#define SERVE_TASK "task.json"
#define SERVE_EVENTS "events.jsonl"
#define SERVE_SEG "labels.seg.dcm"
#define SERVE_NIFTI "labels.nii.gz"
#define SERVE_NRRD "labels.nrrd"
#define SERVE_PLAIN "labels.plain.nrrd"
#define SERVE_CENTROIDS "centroids.json"
#define SERVE_PNG "labels.png"
#define SERVE_STATS "stats.json"
#define SERVE_PREVIEW "preview.png"
#define SERVE_VIEW "view.html"

/* What is asked of a task: written to task.json by the server, read by the worker. Texts are
 * borrowed; NULL: not given. */
typedef struct serve_request {
    const char *model;
    const char *input;   /* the path of a file or folder; NULL: the series is fetched by DICOMweb */
    const char *series;  /* which of its volumes */
    const char *formats; /* "seg,nifti"; NULL: what the input suggests */
    const char *only;    /* classes */
    bool force, preview, view;
    unsigned plain; /* bits of a voxel in SERVE_PLAIN, which is made of the NRRD; 0: none */
    const char *keep_image, *keep_label,
        *keep_id;      /* instead: files for the store, and their name */
    const char *names; /* of label values, a JSON array of {"name", "idx"} */
} serve_request;

extern const json_table serve_request_table;

/* The task, in its worker: reads FOLDER/task.json, leaves the results there, and events in
 * FOLDER/events.jsonl, of which one that failed is the last. Returns the exit code. context: the
 * server. */
int serve_work(void *context, const char *folder);

/* Makes the folder of a task. Errors: as of queue_make. */
ul_status serve_make(serve *s, char id[TASK_ID_BYTES], char **folder, ul_error *error);

/* Deletes a task, or only its folder where it was never queued. id empty: nothing was made. */
void serve_drop(serve *s, const char *id, const char *folder);

/* The parts of a body that is a form; none of another one. *parts: the caller's. Errors: as of
 * multipart_parse. */
ul_status serve_parse_form(
    const http_request *request, form_part **parts, size_t *count, ul_error *error);

/* Writes the files of a form, or a body that is no form, into the folder `upload` of a folder,
 * under names of our own. *path: that file, or the folder where there are several; the caller's.
 * Errors: UL_ERROR_INPUT (no file), UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status serve_take_files(const char *folder, const http_request *request, const form_part *parts,
    size_t count, const char *field, char **path, ul_error *error);

/* Writes task.json and queues the task. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status serve_add(
    serve *s, const char *id, const char *folder, const serve_request *request, ul_error *error);

/* Waits for a task, and gives what its worker said where it failed. */
ul_status serve_wait(serve *s, const char *id, ul_error *error);

/* The error of a task that failed: what its worker said, else what became of the worker. */
void serve_task_error(serve *s, const char *id, const task_info *info, ul_error *error);

/* The last event of the kind in a task's events; NULL: none. cJSON_Delete. */
cJSON *serve_last_event(serve *s, const char *id, const char *kind);

/* Answers with an error as HTTP has it. */
void serve_fail(http_reply *reply, const ul_error *error);
void serve_reply_json(http_reply *reply, unsigned status, cJSON *object);

/* The part of a path behind a prefix, NULL where it has another. */
const char *serve_below(const char *path, const char *prefix);

/* The handler of all requests. context: the server. */
void serve_handle(void *context, const http_request *request, http_reply *reply);

/* True where the request was one of theirs. */
bool serve_monai(serve *s, const http_request *request, http_reply *reply);
bool serve_store(serve *s, const http_request *request, http_reply *reply);
bool serve_api(serve *s, const http_request *request, http_reply *reply);
bool serve_page(const http_request *request, http_reply *reply);
