#include "apps/batch/batch.h"
#include "jobs/base/paths.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Left out where it is not known. */
static void add_number(cJSON *object, const char *key, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
}

/* With as many digits as a reader needs to tell it from another. */
static double rounded(double value, double unit) {
    return round(value / unit) * unit;
}

static void add_volumes(cJSON *run, const segment_result *result) {
    cJSON *list = cJSON_AddArrayToObject(run, "volumes");
    for (size_t s = 0; s < result->segments.count; s++) {
        const ul_segment *segment = &result->segments.items[s];
        const ul_segment_stats *stats = &result->stats[s];
        cJSON *item = cJSON_CreateObject();
        char code[96];
        snprintf(code, sizeof code, "%s:%s", segment->type.scheme, segment->type.value);
        cJSON_AddNumberToObject(item, "segment", stats->number);
        cJSON_AddStringToObject(item, "name", segment->label);
        if (*segment->type.value)
            cJSON_AddStringToObject(item, "code", code);
        cJSON_AddNumberToObject(item, "voxels", (double)stats->voxels);
        add_number(item, "volume_ml", stats->volume_ml);
        add_number(item, "area_mm2", stats->area_mm2);
        add_number(item, "mean", stats->mean);
        add_number(item, "sd", stats->sd);
        cJSON_AddItemToArray(list, item);
    }
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
    cJSON_AddStringToObject(run, "model", b->model.card.name);
    cJSON_AddStringToObject(run, "model_sha256", b->model.hash);
    cJSON_AddStringToObject(run, "ulite", ul_version());
    cJSON_AddNumberToObject(run, "seconds", rounded(outcome->seconds, 1e-3));
    cJSON_AddNumberToObject(run, "peak_mib", rounded(outcome->peak_mib, 0.1));
    cJSON_AddItemToObject(run, "flags", outcome->flags);
    if (done)
        add_volumes(run, &outcome->result);
    return run;
}
