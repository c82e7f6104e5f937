#include "io/series/series.h"

#include "io/series/split.h"
#include "volume/vec3.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COSINE_TOLERANCE 1e-3  /* between slices of one orientation, as scanners round */
#define SPACING_TOLERANCE 1e-3 /* relative, between slices of one spacing */

void series_fail(ul_series *series, ul_status status, const char *format, ...) {
    if (series->status != UL_OK)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(series->problem, sizeof series->problem, format, arguments);
    va_end(arguments);
    series->status = status;
}

ul_status series_check_unchanged(const ul_series *series, size_t k, ul_error *error) {
    return dicom_check_unchanged(series->images[k]->file, -1, error);
}

void series_free(ul_series *series) {
    if (!series)
        return;
    for (size_t i = 0; i < series->info.note_count; i++)
        free(series->notes[i]);
    free(series->notes);
    free(series->images);
    free(series->instances);
    ul_grid_free(&series->grid);
    free(series);
}

static int compare_uids(const dicom_file *a, const dicom_file *b) {
    int order = strcmp(a->study_uid, b->study_uid);
    if (order == 0)
        order = strcmp(a->series_uid, b->series_uid);
    return order;
}

/* By study, series, file and frame. */
static int by_series(const void *left, const void *right) {
    const dicom_image *a = *(const dicom_image *const *)left;
    const dicom_image *b = *(const dicom_image *const *)right;
    int order = compare_uids(a->file, b->file);
    if (order == 0 && a->file != b->file)
        order = strcmp(a->file->path, b->file->path);
    return order ? order : (a > b) - (a < b);
}

static size_t columns_of(const dicom_image *image) {
    return image->file->mosaic ? image->file->tile_columns : image->file->layout.columns;
}

static size_t rows_of(const dicom_image *image) {
    return image->file->mosaic ? image->file->tile_rows : image->file->layout.rows;
}

static size_t channels_of(const dicom_image *image) {
    const dicom_layout *layout = &image->file->layout;
    return layout->samples == 3 || layout->photometric == DICOM_PALETTE ? 3 : 1;
}

static bool placed(const dicom_image *image) {
    return image->has_position && image->has_orientation;
}

static bool same_orientation(const dicom_image *a, const dicom_image *b) {
    if (!a->has_orientation || !b->has_orientation)
        return true; /* settled later: a hole among placed images is a fault, not a volume */
    for (int c = 0; c < 6; c++)
        if (!(fabs(a->cosines[c] - b->cosines[c]) <= COSINE_TOLERANCE))
            return false;
    return true;
}

static bool same_spacing(const dicom_image *a, const dicom_image *b) {
    for (int axis = 0; axis < 2; axis++)
        if (fabs(a->spacing_mm[axis] - b->spacing_mm[axis]) >
            SPACING_TOLERANCE * fmax(a->spacing_mm[axis], b->spacing_mm[axis]))
            return false;
    return true;
}

static bool same_place(const dicom_image *a, const dicom_image *b) {
    double apart[3];
    vec3_add(a->position_mm, -1, b->position_mm, apart);
    return vec3_length(apart) < SERIES_SAME_PLACE_MM;
}

static bool same_size(const dicom_image *a, const dicom_image *b) {
    return columns_of(a) == columns_of(b) && rows_of(a) == rows_of(b) &&
           channels_of(a) == channels_of(b);
}

static int by_stack(const void *left, const void *right) {
    const dicom_image *a = *(const dicom_image *const *)left;
    const dicom_image *b = *(const dicom_image *const *)right;
    return strcmp(a->stack, b->stack);
}

/* Whether the StackIDs of a series tell volumes: not where each of several slices has its own, as
 * some scanners write. Sorts the images. */
static bool stacks_tell(const dicom_image **images, size_t count) {
    qsort(images, count, sizeof *images, by_stack);
    const dicom_image *before = NULL, *first = NULL; /* of the stack before and of this one */
    bool several = false, one_place = true;
    for (size_t i = 0; i < count; i++) {
        if (!images[i]->stack[0] || !placed(images[i]))
            continue;
        if (!first || strcmp(images[i]->stack, first->stack) != 0) {
            before = first;
            first = images[i];
            several |= before != NULL;
            one_place &= !before || same_place(before, first);
        } else if (!same_place(images[i], first)) {
            return true;
        }
    }
    return several && one_place;
}

static int by_frame_of_reference(const void *left, const void *right) {
    const dicom_image *a = *(const dicom_image *const *)left;
    const dicom_image *b = *(const dicom_image *const *)right;
    int order = strcmp(a->file->frame_of_reference_uid, b->file->frame_of_reference_uid);
    return order ? order : strcmp(a->file->path, b->file->path);
}

/* Whether the frames of reference of a series tell volumes: not where each of several placed files
 * has its own, as de-identification leaves them that replaces every UID. Sorts the images. */
static bool frames_of_reference_tell(const dicom_image **images, size_t count) {
    enum { SEVERAL = 3 };
    size_t files = 0;
    qsort(images, count, sizeof *images, by_frame_of_reference);
    for (size_t i = 0; i < count; i++) {
        const dicom_file *file = images[i]->file, *last = i ? images[i - 1]->file : NULL;
        if (file == last)
            continue;
        if (!placed(images[i]) || !file->frame_of_reference_uid[0] ||
            (last && strcmp(file->frame_of_reference_uid, last->frame_of_reference_uid) == 0))
            return true;
        files++;
    }
    return files < SEVERAL;
}

/* What of the images of a series tells volumes. */
typedef struct group_rules {
    bool stacks;              /* a StackID does */
    bool frames_of_reference; /* a FrameOfReferenceUID does */
} group_rules;

/* Whether two images of a series can be slices of one volume at all. */
static bool stackable(const dicom_image *a, const dicom_image *b, const group_rules *rules) {
    const dicom_file *x = a->file, *y = b->file;
    /* Frames without a place belong to their own object: a cine loop. */
    if (x != y && (x->multi_frame || y->multi_frame) && (!placed(a) || !placed(b)))
        return false;
    if (rules->stacks && strcmp(a->stack, b->stack) != 0)
        return false;
    if (rules->frames_of_reference &&
        strcmp(x->frame_of_reference_uid, y->frame_of_reference_uid) != 0)
        return false;
    return same_size(a, b) && same_orientation(a, b) && same_spacing(a, b) &&
           x->series_number == y->series_number && strcmp(a->type, b->type) == 0 &&
           x->multi_frame == y->multi_frame && x->mosaic == y->mosaic &&
           x->layout.is_float == y->layout.is_float &&
           strcmp(x->sop_class_uid, y->sop_class_uid) == 0 && strcmp(x->modality, y->modality) == 0;
}

/* Adds a part in printf format to a description. */
static void UL_PRINTF(3, 4) add_word(char *text, size_t bytes, const char *format, ...) {
    char word[192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(word, sizeof word, format, arguments);
    va_end(arguments);
    size_t used = strlen(text);
    snprintf(text + used, bytes - used, "%s%s", used ? ", " : "", word);
}

/* How many frames of reference the groups before this one have, its own counted; 0 where all groups
 * have the same. */
static size_t frame_of_reference_number(const dicom_image *const *firsts, size_t count, size_t at) {
    size_t number = 1;
    bool differs = false;
    for (size_t i = 0; i < count; i++) {
        const char *uid = firsts[i]->file->frame_of_reference_uid;
        bool seen = strcmp(uid, firsts[at]->file->frame_of_reference_uid) == 0;
        differs |= !seen;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(uid, firsts[k]->file->frame_of_reference_uid) == 0;
        number += i < at && !seen;
    }
    return differs ? number : 0;
}

/* What of the kinds of objects tells the image from those of the other groups. */
static void describe_kind(const dicom_image *image, const dicom_image *const *firsts, size_t count,
    char *text, size_t bytes) {
    const dicom_file *file = image->file;
    bool class = false, frames = false, tiles = false, floats = false, modality = false;
    for (size_t i = 0; i < count; i++) {
        const dicom_file *other = firsts[i]->file;
        modality |= strcmp(file->modality, other->modality) != 0;
        frames |= file->multi_frame != other->multi_frame;
        tiles |= file->mosaic != other->mosaic;
        floats |= file->layout.is_float != other->layout.is_float;
        class |= strcmp(file->sop_class_uid, other->sop_class_uid) != 0;
    }
    if (modality)
        add_word(text, bytes, "modality %s", file->modality[0] ? file->modality : "none");
    if (frames)
        add_word(text, bytes, "%s", file->multi_frame ? "multi-frame" : "single images");
    if (tiles)
        add_word(text, bytes, "%s", file->mosaic ? "mosaic" : "no mosaic");
    if (floats)
        add_word(text, bytes, "%s", file->layout.is_float ? "floating point" : "whole numbers");
    if (class && !modality && !frames && !floats)
        add_word(text, bytes, "SOP class %s", file->sop_class_uid);
}

/* What tells the image of group at from those of the other groups of its series. */
static void describe_group(const dicom_image *const *firsts, size_t count, size_t at,
    const group_rules *rules, char *text, size_t bytes) {
    const dicom_image *image = firsts[at];
    bool size = false, type = false, orientation = false, spacing = false, stack = false;
    bool number = false, colour = false;
    for (size_t i = 0; i < count; i++) {
        size |= columns_of(image) != columns_of(firsts[i]) || rows_of(image) != rows_of(firsts[i]);
        type |= strcmp(image->type, firsts[i]->type) != 0;
        orientation |= !same_orientation(image, firsts[i]);
        spacing |= !same_spacing(image, firsts[i]);
        stack |= rules->stacks && strcmp(image->stack, firsts[i]->stack) != 0;
        number |= image->file->series_number != firsts[i]->file->series_number;
        colour |= channels_of(image) != channels_of(firsts[i]);
    }
    ul_grid grid = {.size = {1, 1, 1}};
    const char *plane = "unplaced";
    if (image->has_orientation && ul_grid_set_axes(&grid, image->cosines))
        plane = ul_plane_name(ul_grid_plane(&grid));
    text[0] = '\0';
    if (type)
        add_word(text, bytes, "image type %s", image->type);
    if (orientation)
        add_word(text, bytes, "%s", plane);
    if (size)
        add_word(text, bytes, "%zux%zu pixels", columns_of(image), rows_of(image));
    if (spacing && !size)
        add_word(text, bytes, "%gx%g mm pixels", image->spacing_mm[0], image->spacing_mm[1]);
    if (stack)
        add_word(text, bytes, "%s%s", image->stack[0] ? "stack " : "no stack", image->stack);
    if (number)
        add_word(text, bytes, "series %d", image->file->series_number);
    if (colour && !size)
        add_word(text, bytes, "%s", channels_of(image) == 3 ? "RGB" : "grey");
    describe_kind(image, firsts, count, text, bytes);
    size_t frame_of_reference = frame_of_reference_number(firsts, count, at);
    if (rules->frames_of_reference && frame_of_reference)
        add_word(text, bytes, "frame of reference %zu", frame_of_reference);
    if (count > 1 && !text[0]) /* frames without a place belong to their own object */
        add_word(text, bytes, "object of InstanceNumber %ld", image->instance_number);
}

/* Where series go and what settles duplicates. */
typedef struct series_builder {
    series_compare compare;
    void *context;
    ul_series ***list;
    size_t *count;
    ul_error *error;
} series_builder;

static void fill_info(ul_series *series, const char *group, const char *label) {
    const dicom_image *first = series->images[0];
    const dicom_file *file = first->file;
    snprintf(series->split, sizeof series->split, "%s%s%s", group, group[0] && label[0] ? ", " : "",
        label);
    series->channels = channels_of(first);
    series->info.series_uid = file->series_uid;
    series->info.study_uid = file->study_uid;
    series->info.frame_of_reference_uid = file->frame_of_reference_uid;
    series->info.series_number = file->series_number;
    series->info.modality = file->modality;
    series->info.description = file->description;
    series->info.body_part = file->body_part;
    series->info.transfer_syntax_uid = file->transfer_syntax;
    series->info.split = series->split;
    series->info.multi_frame = file->multi_frame;
    series->info.mosaic = file->mosaic;
    series->info.philips_float = true;
    for (size_t k = 0; k < series->grid.size[2]; k++) {
        const dicom_image *image = series->images[k];
        series->info.lossy |= image->file->lossy;
        series->info.philips_float &= image->philips_slope > 0;
        series->instances[k] = (ul_instance){image->file->path, image->file->sop_class_uid,
            image->file->sop_instance_uid, image->frame, image->thickness_mm};
    }
}

/* Adds an empty series of count slices to the list. */
static ul_series *new_series(series_builder *builder, size_t count) {
    ul_series *series = calloc(1, sizeof *series);
    ul_series **grown = realloc(*builder->list, (*builder->count + 1) * sizeof **builder->list);
    if (grown)
        *builder->list = grown;
    if (series) {
        series->images = calloc(count, sizeof *series->images);
        series->instances = calloc(count, sizeof *series->instances);
    }
    if (!grown || !series || !series->images || !series->instances) {
        series_free(series);
        ul_error_set(builder->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
        return NULL;
    }
    grown[(*builder->count)++] = series;
    return series;
}

/* Makes a series of images in slice order; images without a place keep none. */
static ul_status add_series(series_builder *builder, const dicom_image *const *images, size_t count,
    const char *group, const char *label, bool with_places, ul_series **added) {
    ul_series *series = new_series(builder, count);
    if (!series)
        return UL_ERROR_LIMIT;
    memcpy(series->images, images, count * sizeof *images);
    const dicom_image *first = images[0];
    ul_grid *grid = &series->grid;
    grid->size[0] = columns_of(first);
    grid->size[1] = rows_of(first);
    grid->size[2] = count;
    memcpy(grid->spacing_mm, first->spacing_mm, sizeof grid->spacing_mm);
    grid->thickness_mm = first->thickness_mm;
    if (with_places) {
        grid->origin_mm = malloc(count * sizeof *grid->origin_mm);
        if (!grid->origin_mm)
            return ul_error_set(
                builder->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
        ul_grid_set_axes(grid, first->cosines);
        for (size_t k = 0; k < count; k++)
            memcpy(grid->origin_mm[k], images[k]->position_mm, sizeof grid->origin_mm[k]);
        double range[2];
        if (series_thickness_range(images, count, range)) {
            grid->slice_mm = malloc(count * sizeof *grid->slice_mm);
            if (!grid->slice_mm)
                return ul_error_set(
                    builder->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
            for (size_t k = 0; k < count; k++)
                grid->slice_mm[k] = images[k]->thickness_mm;
        }
        if (!(grid->spacing_mm[0] > 0))
            series_fail(series, UL_ERROR_INPUT, "%s: no PixelSpacing of two positive numbers",
                first->file->shown);
    }
    ul_grid_classify(grid);
    fill_info(series, group, label);
    ul_status status = series_add_notes(series, builder->error);
    if (status == UL_OK)
        status = series_note_identities(series, builder->error);
    *added = series;
    return status;
}

static int by_instance_number(const void *left, const void *right) {
    const dicom_image *a = *(const dicom_image *const *)left;
    const dicom_image *b = *(const dicom_image *const *)right;
    if (a->file != b->file && a->instance_number != b->instance_number)
        return a->instance_number < b->instance_number ? -1 : 1;
    return by_series(left, right);
}

/* Images that cannot be put in order: listed as one series that cannot be used, and why. */
static ul_status add_faulty(series_builder *builder, const dicom_image **images, size_t count,
    const char *group, const char *problem, const dicom_image *culprit) {
    ul_series *series;
    ul_status status = add_series(builder, images, count, group, "", false, &series);
    if (status == UL_OK)
        series_fail(series, UL_ERROR_INPUT, "%s: %s", culprit->file->shown, problem);
    return status;
}

static void fail_clash(ul_series *series, const dicom_image *a, const dicom_image *b) {
    char frames[2][24] = {"", ""};
    if (a->frame)
        snprintf(frames[0], sizeof frames[0], " frame %u", a->frame);
    if (b->frame)
        snprintf(frames[1], sizeof frames[1], " frame %u", b->frame);
    series_fail(series, UL_ERROR_GEOMETRY,
        "%s%s and %s%s lie at one place with different pixels, and no attribute tells them apart",
        a->file->shown, frames[0], a->file == b->file ? "its" : b->file->shown, frames[1]);
}

static ul_status add_part(series_builder *builder, const split_part *part, const char *group) {
    const dicom_image **images = malloc(part->count * sizeof *images);
    if (!images)
        return ul_error_set(builder->error, UL_ERROR_LIMIT, "out of memory");
    for (size_t k = 0; k < part->count; k++)
        images[k] = part->images[k].image;
    ul_series *series;
    ul_status status = add_series(builder, images, part->count, group, part->label, true, &series);
    free(images);
    if (status == UL_OK && part->dropped)
        status = series_note(series, builder->error, "%zu duplicate slice%s dropped", part->dropped,
            part->dropped == 1 ? "" : "s");
    if (status == UL_OK && part->conflict[0])
        fail_clash(series, part->conflict[0], part->conflict[1]);
    return status;
}

/* Sorts and splits the images of one group and adds the series that come out. */
static ul_status add_group(
    series_builder *builder, const dicom_image **images, size_t count, const char *group) {
    size_t with_place = 0;
    const dicom_image *hole = NULL, *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (placed(images[i])) {
            with_place++;
            first = first ? first : images[i];
        } else {
            hole = images[i];
        }
    }
    if (with_place == 0) {
        ul_series *series;
        qsort(images, count, sizeof *images, by_instance_number);
        return add_series(builder, images, count, group, "", false, &series);
    }
    if (hole)
        return add_faulty(builder, images, count, group,
            hole->has_position
                ? "no ImageOrientationPatient, which the other images of its series have"
                : "no ImagePositionPatient, which the other images of its series have",
            hole);
    ul_grid axes = {.size = {1, 1, 1}};
    if (!ul_grid_set_axes(&axes, first->cosines))
        return add_faulty(builder, images, count, group,
            "ImageOrientationPatient does not hold two unit vectors at a right angle", first);
    placed_image *places = malloc(count * sizeof *places);
    if (!places)
        return ul_error_set(builder->error, UL_ERROR_LIMIT, "out of memory for %zu slices", count);
    double normal[3];
    ul_grid_normal(&axes, normal);
    for (size_t i = 0; i < count; i++)
        places[i] = (placed_image){
            .image = images[i], .offset_mm = vec3_dot(images[i]->position_mm, normal)};
    split_part *parts = NULL;
    size_t part_count = 0;
    ul_status status = series_split(
        places, count, builder->compare, builder->context, &parts, &part_count, builder->error);
    for (size_t p = 0; p < part_count && status == UL_OK; p++)
        status = add_part(builder, &parts[p], group);
    split_parts_free(parts, part_count);
    free(places);
    return status;
}

/* Groups the images of one series UID by what can be stacked. */
static ul_status add_images_of_uid(
    series_builder *builder, const dicom_image **images, size_t count) {
    const dicom_image **firsts = malloc(count * sizeof *firsts);
    const dicom_image **members = malloc(count * sizeof *members);
    size_t *group_of = malloc(count * sizeof *group_of), groups = 0;
    ul_status status = UL_OK;
    group_rules rules = {0};
    if (!firsts || !members || !group_of) {
        status = ul_error_set(builder->error, UL_ERROR_LIMIT, "out of memory");
    } else {
        memcpy(members, images, count * sizeof *images);
        rules.stacks = stacks_tell(members, count);
        rules.frames_of_reference = frames_of_reference_tell(members, count);
    }
    for (size_t i = 0; i < count && status == UL_OK; i++) {
        size_t group = 0;
        while (group < groups && !stackable(firsts[group], images[i], &rules))
            group++;
        if (group == groups)
            firsts[groups++] = images[i];
        /* A placed image stands better for its group than one without an orientation. */
        else if (!placed(firsts[group]) && placed(images[i]))
            firsts[group] = images[i];
        group_of[i] = group;
    }
    for (size_t group = 0; group < groups && status == UL_OK; group++) {
        size_t member_count = 0;
        for (size_t i = 0; i < count; i++)
            if (group_of[i] == group)
                members[member_count++] = images[i];
        char text[256];
        describe_group(firsts, groups, group, &rules, text, sizeof text);
        status = add_group(builder, members, member_count, text);
    }
    free(firsts);
    free(members);
    free(group_of);
    return status;
}

ul_status series_group(const dicom_image **images, size_t image_count, series_compare compare,
    void *context, ul_series ***list, size_t *count, ul_error *error) {
    series_builder builder = {compare, context, list, count, error};
    qsort(images, image_count, sizeof *images, by_series);
    ul_status status = UL_OK;
    for (size_t start = 0; start < image_count && status == UL_OK;) {
        size_t end = start + 1;
        while (end < image_count && compare_uids(images[start]->file, images[end]->file) == 0)
            end++;
        status = add_images_of_uid(&builder, images + start, end - start);
        start = end;
    }
    return status;
}
