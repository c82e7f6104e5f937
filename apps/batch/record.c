#include "apps/batch/batch.h"
#include "jobs/base/digits.h"
#include "jobs/base/paths.h"

static void add_below(const batch *b, cJSON *list, const char *path) {
    cJSON_AddItemToArray(list, cJSON_CreateString(files_below(b->arguments->folder, path)));
}

cJSON *batch_record(const batch *b, const batch_turn *turn, const batch_outcome *outcome) {
    bool done = outcome->error.status == UL_OK;
    const ul_series_info *info = turn->series ? ul_series_get_info(turn->series) : NULL;
    cJSON *run = cJSON_CreateObject();
    cJSON_AddNumberToObject(run, "version", 1);
    cJSON_AddNumberToObject(run, "number", (double)turn->item->number);
    cJSON_AddStringToObject(run, "case", turn->item->key);
    cJSON_AddStringToObject(run, "plan", b->plan);
    cJSON_AddStringToObject(run, "status", done ? "done" : "failed");
    cJSON_AddNumberToObject(run, "exit_code", (double)outcome->error.status);
    if (!done)
        cJSON_AddStringToObject(run, "reason", outcome->error.text);
    cJSON_AddStringToObject(run, "input", turn->item->path);
    if (*turn->item->archive) {
        cJSON_AddStringToObject(run, "archive", turn->item->archive);
        cJSON_AddNumberToObject(run, "part", (double)turn->item->part);
        cJSON_AddNumberToObject(run, "parts", (double)turn->item->parts);
    }
    const char *study = info ? info->study_uid : outcome->result.study_uid;
    const char *series = info ? info->series_uid : outcome->result.series_uid;
    if (*study)
        cJSON_AddStringToObject(run, "study", study);
    if (*series)
        cJSON_AddStringToObject(run, "series", series);
    if (*turn->choice)
        cJSON_AddStringToObject(run, "choice", turn->choice);
    cJSON_AddStringToObject(
        run, "output", done ? files_below(b->arguments->folder, turn->output) : "");
    bool more = *turn->beside[0] || *turn->capture;
    cJSON *beside = done && more ? cJSON_AddArrayToObject(run, "beside") : NULL;
    for (size_t f = 0; beside && f < BATCH_FORMATS && *turn->beside[f]; f++)
        add_below(b, beside, turn->beside[f]);
    if (beside && *turn->capture)
        add_below(b, beside, turn->capture);
    if (done && *turn->page)
        cJSON_AddStringToObject(run, "page", files_below(b->arguments->folder, turn->page));
    cJSON_AddStringToObject(run, "model", b->model.card.name);
    cJSON_AddStringToObject(run, "model_sha256", b->model.hash);
    cJSON_AddStringToObject(run, "ulite", ul_version());
    cJSON_AddNumberToObject(run, "seconds", digits_seconds(outcome->seconds));
    cJSON_AddNumberToObject(run, "peak_mib", digits_mib(outcome->peak_mib));
    cJSON_AddItemToObject(run, "flags", outcome->flags);
    if (done)
        segment_add_volumes(run, &outcome->result);
    return run;
}
