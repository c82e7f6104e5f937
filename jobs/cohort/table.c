#include "jobs/cohort/table.h"

#include "jobs/base/digits.h"

static const char *const run_columns[] = {"number", "case", "study", "series", "model", "output"};
static const char *const segment_columns[] = {
    "segment", "name", "code", "voxels", "volume_ml", "area_mm2", "mean", "sd"};

enum {
    RUN_COLUMNS = sizeof run_columns / sizeof run_columns[0],
    SEGMENT_COLUMNS = sizeof segment_columns / sizeof segment_columns[0]
};

void table_head(FILE *stream) {
    for (size_t c = 0; c < RUN_COLUMNS; c++)
        fprintf(stream, "%s,", run_columns[c]);
    for (size_t c = 0; c < SEGMENT_COLUMNS; c++)
        fprintf(stream, "%s,", segment_columns[c]);
    fputs("flags\n", stream);
}

/* A field, empty where the value is unknown. */
static void put_field(FILE *stream, const cJSON *object, const char *key) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsNumber(value))
        fprintf(stream, "%.9g", value->valuedouble);
    else if (cJSON_IsString(value))
        csv_put_text(stream, value->valuestring);
    fputc(',', stream);
}

/* The number of flags is open: they share a field. */
static void put_flags(FILE *stream, const cJSON *run) {
    char text[4096] = "";
    size_t used = 0;
    const cJSON *flag;
    cJSON_ArrayForEach(flag, cJSON_GetObjectItemCaseSensitive(run, "flags")) {
        if (cJSON_IsString(flag) && used < sizeof text)
            used += (size_t)snprintf(
                text + used, sizeof text - used, "%s%s", used ? "; " : "", flag->valuestring);
    }
    csv_put_text(stream, text);
}

void table_rows(FILE *stream, const cJSON *run) {
    const cJSON *segment;
    cJSON_ArrayForEach(segment, cJSON_GetObjectItemCaseSensitive(run, "volumes")) {
        for (size_t c = 0; c < RUN_COLUMNS; c++)
            put_field(stream, run, run_columns[c]);
        for (size_t c = 0; c < SEGMENT_COLUMNS; c++)
            put_field(stream, segment, segment_columns[c]);
        put_flags(stream, run);
        fputc('\n', stream);
    }
}
