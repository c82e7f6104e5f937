#include "apps/base/console.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/convert/label_table.h"
#include "apps/segment/segment.h"
#include "jobs/base/digits.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_stats(cJSON *object, const ul_labels *labels, const ul_segment_stats *stats) {
    cJSON *list = cJSON_AddArrayToObject(object, "segments");
    for (size_t s = 0; s < labels->segments.count; s++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddNumberToObject(item, "number", stats[s].number);
        cJSON_AddStringToObject(item, "name", labels->segments.items[s].label);
        cJSON_AddNumberToObject(item, "voxels", (double)stats[s].voxels);
        cJSON_AddNumberToObject(item, "volume_ml", digits_ml(stats[s].volume_ml));
        if (labels->grid.size[2] == 1 || labels->grid.stack == UL_STACK_UNPLACED)
            cJSON_AddNumberToObject(item, "area_mm2", digits_mm(stats[s].area_mm2));
        cJSON *box = stats[s].placed ? cJSON_AddArrayToObject(item, "bbox_mm")
                                     : cJSON_AddNullToObject(item, "bbox_mm");
        for (int end = 0; stats[s].placed && end < 2; end++) {
            cJSON *corner = cJSON_CreateArray();
            for (int axis = 0; axis < 3; axis++)
                cJSON_AddItemToArray(
                    corner, cJSON_CreateNumber(digits_mm(stats[s].bbox_mm[end][axis])));
            cJSON_AddItemToArray(box, corner);
        }
        cJSON_AddNumberToObject(item, "mean", digits_value(stats[s].mean));
        cJSON_AddNumberToObject(item, "sd", digits_value(stats[s].sd));
        cJSON_AddItemToArray(list, item);
    }
}

static ul_status write_json(const char *path, cJSON *object, ul_error *error) {
    char *text;
    ul_status status = json_out_text(object, true, &text, error);
    if (status == UL_OK)
        status = ul_output_write(path, text, strlen(text), error);
    free(text);
    return status;
}

/* A CSV field: empty where the number is not known. */
static void print_field(FILE *stream, double value) {
    if (isfinite(value))
        fprintf(stream, ",%.12g", value);
    else
        fputc(',', stream);
}

/* The last fields of a segment that is a class of the model; empty of others. */
static void print_quality(FILE *stream, const ul_segment_quality *q) {
    print_field(stream, q ? digits_share(q->pieces) : NAN);
    print_field(stream, q ? digits_share(q->disagreement) : NAN);
    print_field(stream, q ? digits_share(q->confidence) : NAN);
    fputc(',', stream);
    const char *between = "";
    for (int flag = 0; q && flag < UL_QUALITY_FLAGS; flag++)
        if (q->flags & 1u << flag) {
            fprintf(stream, "%s%s", between, ul_quality_word(flag));
            between = " ";
        }
}

static ul_status write_csv(const char *path, const segment_input *input, const ul_labels *labels,
    const ul_segment_stats *stats, ul_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    fputs("number,name,voxels,volume_ml,area_mm2,min_x,min_y,min_z,max_x,max_y,max_z,mean,sd,"
          "pieces,disagreement,confidence,warnings\n",
        stream);
    for (size_t s = 0; s < labels->segments.count; s++) {
        fprintf(stream, "%u,", stats[s].number);
        csv_put_text(stream, labels->segments.items[s].label);
        fprintf(stream, ",%zu", stats[s].voxels);
        print_field(stream, digits_ml(stats[s].volume_ml));
        print_field(stream, digits_mm(stats[s].area_mm2));
        for (int n = 0; n < 6; n++)
            print_field(stream, stats[s].placed ? digits_mm(stats[s].bbox_mm[n / 3][n % 3]) : NAN);
        print_field(stream, digits_value(stats[s].mean));
        print_field(stream, digits_value(stats[s].sd));
        print_quality(stream, segment_quality_of(input, stats[s].number));
        fputc('\n', stream);
    }
    ul_status status = fclose(stream) == 0
                           ? ul_output_write(path, text, size, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    free(text);
    return status;
}

/* Which source image became which slice. */
static void add_slice_map(cJSON *report, const ul_series *series) {
    cJSON *list = cJSON_AddArrayToObject(report, "slices");
    for (size_t k = 0; k < ul_series_grid(series)->size[2]; k++) {
        const ul_instance *instance = ul_series_instance(series, k);
        cJSON *item = cJSON_CreateObject();
        cJSON_AddNumberToObject(item, "slice", (double)k);
        cJSON_AddStringToObject(item, "sop_instance_uid", instance->sop_instance_uid);
        if (instance->frame > 0)
            cJSON_AddNumberToObject(item, "frame", instance->frame);
        cJSON_AddItemToArray(list, item);
    }
}

static void add_notes(cJSON *report, const segment_input *input) {
    cJSON *list = cJSON_AddArrayToObject(report, "notes");
    const ul_series_info *info = input->series ? ul_series_get_info(input->series) : NULL;
    for (size_t n = 0; info && n < info->note_count; n++)
        cJSON_AddItemToArray(list, cJSON_CreateString(info->notes[n]));
    if (input->notes)
        cJSON_AddItemToArray(list, cJSON_CreateString(input->notes));
}

static ul_status write_report(const char *path, const segment_arguments *arguments,
    const ul_card *card, const segment_input *input, const ul_labels *labels,
    const ul_segment_stats *stats, size_t gaps, ul_error *error) {
    cJSON *report = cJSON_CreateObject();
    cJSON_AddNumberToObject(report, "version", 1);
    segment_add_provenance(report, arguments, card, input);
    cJSON *size = cJSON_AddArrayToObject(report, "size");
    for (int axis = 0; axis < 3; axis++)
        cJSON_AddItemToArray(size, cJSON_CreateNumber((double)labels->grid.size[axis]));
    cJSON_AddStringToObject(report, "plane", ul_plane_name(ul_grid_plane(&labels->grid)));
    cJSON_AddNumberToObject(report, "gaps", (double)gaps);
    add_notes(report, input);
    add_stats(report, labels, stats);
    segment_add_quality(report, card, input);
    if (input->localiser)
        segment_add_localiser(report, input);
    bool series_itself = input->series && input->file == IMAGE_NONE && !input->resampled;
    if (series_itself)
        add_slice_map(report, input->series);
    return write_json(path, report, error);
}

ul_status segment_measure(const segment_arguments *arguments, const segment_input *input,
    const ul_labels *labels, ul_segment_stats **stats, ul_error *error) {
    bool valued = arguments->measured || arguments->stats || arguments->report || arguments->html;
    *stats = calloc(labels->segments.count + 1, sizeof **stats);
    if (!*stats)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the statistics");
    return ul_stats_measure(valued ? &input->volume : NULL, labels,
        valued ? console_progress() : NULL, *stats, labels->segments.count, error);
}

void segment_say(const ul_labels *labels, const ul_segment_stats *stats) {
    size_t voxels = 0;
    for (size_t s = 0; s < labels->segments.count; s++) {
        const char *label = labels->segments.items[s].label;
        char text[DIGITS_TEXT_BYTES];
        voxels += stats[s].voxels;
        if (isfinite(stats[s].volume_ml))
            console_say("%s: %s mL", label, digits_text(stats[s].volume_ml, text));
        else if (isfinite(stats[s].area_mm2))
            console_say("%s: %s mm2", label, digits_text(stats[s].area_mm2, text));
        else
            console_say("%s: %zu voxels", label, stats[s].voxels);
    }
    if (voxels == 0)
        console_say("note: the result is empty: the model found none of its segments");
}

ul_status segment_write_figures(const segment_arguments *arguments, const ul_card *card,
    const segment_input *input, const ul_labels *labels, const ul_segment_stats *stats,
    written_files *written, ul_error *error) {
    const char *temporary;
    ul_status status = segment_write_views(arguments, card, input, labels, stats, written, error);
    if (status == UL_OK && arguments->label_table)
        status = written_next(written, arguments->label_table, &temporary, error);
    if (status == UL_OK && arguments->label_table)
        status = label_table_write(temporary, &labels->segments, error);
    if (status != UL_OK || (!arguments->stats && !arguments->report))
        return status;
    size_t gaps = ul_grid_count_gaps(input->resampled ? &input->slices : &labels->grid);
    if (gaps > 0)
        console_say("note: slices are missing at %zu place%s, volumes leave them out", gaps,
            gaps == 1 ? "" : "s");
    if (arguments->stats)
        status = written_next(written, arguments->stats, &temporary, error);
    if (status == UL_OK && arguments->stats) {
        if (ends_in(arguments->stats, ".csv")) {
            status = write_csv(temporary, input, labels, stats, error);
        } else {
            cJSON *object = cJSON_CreateObject();
            cJSON_AddNumberToObject(object, "version", 1);
            add_stats(object, labels, stats);
            segment_add_quality(object, card, input);
            cJSON_AddNumberToObject(object, "gaps", (double)gaps);
            status = write_json(temporary, object, error);
        }
    }
    if (status == UL_OK && arguments->report)
        status = written_next(written, arguments->report, &temporary, error);
    if (status == UL_OK && arguments->report)
        status = write_report(temporary, arguments, card, input, labels, stats, gaps, error);
    return status;
}

/* Left out where it is not known. */
static void add_known(cJSON *object, const char *key, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
}

void segment_add_volumes(cJSON *run, const segment_result *result) {
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
        add_known(item, "volume_ml", digits_ml(stats->volume_ml));
        add_known(item, "area_mm2", digits_mm(stats->area_mm2));
        add_known(item, "mean", digits_value(stats->mean));
        add_known(item, "sd", digits_value(stats->sd));
        cJSON_AddItemToArray(list, item);
    }
}
