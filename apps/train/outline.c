#include "apps/train/outline.h"

#include "apps/base/console.h"
#include "ulite/view.h"

#include <cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* A line that is put together. */
typedef struct outline_line {
    char text[1024];
    size_t used;
} outline_line;

static void add(outline_line *line, const char *format, ...) UL_PRINTF(2, 3);

static void add(outline_line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(line->text + line->used, sizeof line->text - line->used, format, arguments);
    va_end(arguments);
    line->used += length > 0 ? (size_t)length : 0;
    if (line->used >= sizeof line->text)
        line->used = sizeof line->text - 1;
}

static void say_cases(const train_outline *o) {
    const size_t *cases = o->dataset->in_split;
    outline_line line = {.used = 0};
    if (o->folds)
        add(&line, "%zu in %zu folds", cases[UL_SPLIT_TRAIN], o->folds);
    else
        add(&line, "%zu to train on, %zu to validate", cases[UL_SPLIT_TRAIN], cases[UL_SPLIT_VAL]);
    add(&line, ", %zu to test", cases[UL_SPLIT_TEST]);
    if (o->dataset->split_by_hash)
        add(&line, "; split by a hash of their names");
    if (o->dataset->unlisted)
        add(&line, "; %zu not in the splits file, left out", o->dataset->unlisted);
    console_say("cases     %s", line.text);
}

static void say_images(const train_outline *o) {
    const ul_fingerprint *f = o->fingerprint;
    outline_line line = {.used = 0};
    add(&line, "%s%zu slices to train on, %zux%zu",
        o->dataset->values ? "drawn from label maps; " : "", f->slices, f->smallest[0],
        f->smallest[1]);
    if (f->smallest[0] != f->largest[0] || f->smallest[1] != f->largest[1])
        add(&line, " to %zux%zu", f->largest[0], f->largest[1]);
    add(&line, " pixels, %s, values %g to %g", f->channels == 3 ? "RGB" : "grey", f->low, f->high);
    if (f->channels == 1 && f->grey_in_colour > 0)
        add(&line, "; %zu images in colour with equal channels, read as grey", f->grey_in_colour);
    console_say("images    %s", line.text);
}

static void say_classes(const train_outline *o) {
    enum { NAMED = 8 };
    const ul_segments *classes = &o->plan->card.classes;
    outline_line line = {.used = 0};
    for (size_t c = 0; c < classes->count && c < NAMED; c++)
        add(&line, "%s%s (%.3g %%%s)", c ? ", " : "", classes->items[c].label,
            100.0 * o->fingerprint->class_share[classes->items[c].number & 255],
            c ? "" : " of the voxels");
    if (classes->count > NAMED)
        add(&line, " and %zu more", classes->count - NAMED);
    size_t pairs = 0;
    for (size_t c = 0; c < classes->count; c++)
        pairs += classes->items[c].mirror > classes->items[c].number;
    if (pairs)
        add(&line, "; %zu pair%s of left and right, exchanged where images are mirrored", pairs,
            pairs == 1 ? "" : "s");
    console_say("classes   %s", line.text);
}

static const char *word(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
    return text ? text : "?";
}

static void say_input(const ul_plan *plan, const cJSON *card) {
    const cJSON *spacing = cJSON_GetObjectItem(card, "spacing_mm");
    outline_line line = {.used = 0};
    if (plan->card.channels == UL_CHANNELS_NEIGHBOURS)
        add(&line, "%zu neighbouring slices", plan->input_channels);
    else
        add(&line, "%s", plan->card.channels == UL_CHANNELS_RGB ? "RGB" : "one grey channel");
    for (size_t p = 0; p < plan->card.plane_count; p++)
        add(&line, ", %s", ul_plane_name(plan->card.planes[p]));
    if (cJSON_GetArraySize(spacing) == 2)
        add(&line, ", %gx%g mm", cJSON_GetArrayItem(spacing, 0)->valuedouble,
            cJSON_GetArrayItem(spacing, 1)->valuedouble);
    console_say("input     %s; normalisation %s", line.text,
        word(cJSON_GetObjectItem(card, "normalisation"), "kind"));
}

static void say_training(const train_outline *o, const cJSON *json) {
    const ul_training *t = &o->plan->training;
    outline_line line = {.used = 0};
    if (t->epochs)
        add(&line, "%zu epoch%s", t->epochs, t->epochs == 1 ? "" : "s");
    else if (o->resume)
        add(&line, "as many epochs as were planned");
    else
        add(&line, "as many epochs as fit into the time");
    if (o->minutes > 0.0)
        add(&line, ", at most %g min", o->minutes);
    if (t->learning_rate > 0.0)
        add(&line, ", rate %g", t->learning_rate);
    console_say("patches   %zux%zu, %zu in a step, %zu steps in an epoch", t->patch[0], t->patch[1],
        t->batch, t->steps);
    console_say("training  %s, schedule %s, optimizer %s, loss %s", line.text,
        word(json, "schedule"), word(json, "optimizer"), word(json, "loss"));
}

static void say_files(const train_outline *o) {
    outline_line line = {.used = 0};
    if (o->folds)
        add(&line, ", .folds.csv; likewise .fold1 to .fold%zu", o->folds);
    console_say("files     %s and beside it .csv, %s.plan.json, .split.json, .checkpoint%s",
        o->output, ul_view_draws() ? ".svg, .pdf, " : "", line.text);
}

ul_status train_outline_say(const train_outline *o, ul_error *error) {
    char *text; /* the words of a plan file */
    ul_status status = ul_plan_write(o->plan, &text, error);
    if (status != UL_OK)
        return status;
    cJSON *json = cJSON_Parse(text);
    say_cases(o);
    say_images(o);
    say_classes(o);
    say_input(o->plan, cJSON_GetObjectItem(json, "card"));
    say_training(o, cJSON_GetObjectItem(json, "training"));
    say_files(o);
    cJSON_Delete(json);
    free(text);
    return UL_OK;
}

static void add_time(outline_line *line, double seconds) {
    double minutes = ceil(seconds / 60.0);
    if (seconds < 90.0)
        add(line, "%.0f s", ceil(seconds));
    else if (minutes < 90.0)
        add(line, "%.0f min", minutes);
    else
        add(line, "%.0f h %.0f min", floor(minutes / 60.0), fmod(minutes, 60.0));
}

void train_outline_ready(void *context, const ul_training *training, double seconds) {
    const train_outline *o = context;
    double runs = (double)(o->folds ? o->folds + 1 : 1);
    outline_line line = {.used = 0};
    struct rusage used;
    if (isnan(seconds) || (o->folds && o->resume)) { /* how many runs are left is not known yet */
        add(&line, "told after each epoch");
    } else {
        add(&line, "about ");
        add_time(&line, runs * seconds);
    }
    if (o->plan->training.epochs == 0)
        add(&line, ", %zu epoch%s", training->epochs, training->epochs == 1 ? "" : "s");
    if (o->folds)
        add(&line, ", %.0f runs", runs);
    console_say("time      %s", line.text);
    if (getrusage(RUSAGE_SELF, &used) == 0)
        console_say("memory    about %.0f MiB", ceil((double)used.ru_maxrss / 1024.0));
}
