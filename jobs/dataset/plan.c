#include "ulite/train.h"

#include "jobs/dataset/partners.h"
#include "jobs/dataset/plan_json.h"
#include "jobs/generate/label_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ul_plan_free(ul_plan *plan) {
    ul_card_free(&plan->card);
    memset(plan, 0, sizeof *plan);
}

void ul_plan_settle(ul_plan *plan) {
    ul_training *t = &plan->training;
    t->epochs = t->epochs ? t->epochs : UL_PLAN_EPOCHS;
    t->learning_rate = t->learning_rate > 0.0 ? t->learning_rate : UL_PLAN_LEARNING_RATE;
}

static size_t patch_side(size_t size) {
    enum { LARGEST = 256 };
    size_t side = (size + UL_SLICE_STEP - 1) / UL_SLICE_STEP * UL_SLICE_STEP;
    return side < UL_SLICE_STEP ? UL_SLICE_STEP : side > LARGEST ? LARGEST : side;
}

/* CT keeps its scale, 8-bit pictures theirs; anything else is scaled by its own spread. */
static ul_normalisation derive_normalisation(const ul_fingerprint *f) {
    if (strcmp(f->modality, "CT") == 0 || f->low < -500.0)
        return (ul_normalisation){
            UL_NORMALISE_WINDOW, false, fmax(f->low, -1000.0), fmin(f->high, 1000.0)};
    if (!f->volumes && f->low >= 0.0 && f->high <= 255.0)
        return (ul_normalisation){UL_NORMALISE_UNIT, false, 0.0, 255.0};
    return (ul_normalisation){.kind = UL_NORMALISE_ZSCORE};
}

static ul_status derive_classes(
    const ul_dataset *dataset, const ul_fingerprint *f, ul_segments *classes, ul_error *error) {
    size_t count = f->class_count;
    classes->items = calloc(count, sizeof *classes->items);
    if (!classes->items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the classes");
    classes->count = count;
    for (size_t i = 0; i < count; i++) {
        const ul_segment *known = ul_segments_find(&dataset->classes, (unsigned)(i + 1));
        if (!known)
            known = ul_segments_find(&f->classes, (unsigned)(i + 1));
        ul_segment *segment = &classes->items[i];
        if (known)
            *segment = *known;
        segment->number = (unsigned)(i + 1);
        if (!*segment->label)
            snprintf(segment->label, sizeof segment->label, "class %zu", i + 1);
        if (segment->rgb[0] == 0 && segment->rgb[1] == 0 && segment->rgb[2] == 0) {
            static const uint8_t colours[6][3] = {{230, 80, 60}, {70, 160, 230}, {90, 190, 90},
                {240, 190, 60}, {170, 110, 210}, {80, 200, 200}};
            memcpy(segment->rgb, colours[i % 6], 3);
        }
    }
    return UL_OK;
}

static void derive_training(const ul_fingerprint *f, ul_training *t) {
    *t = (ul_training){.warmup_steps = 50,
        .loss = UL_LOSS_DICE_CE,
        .tversky_alpha = 0.3,
        .tversky_beta = 0.7,
        .schedule = UL_SCHEDULE_POLY,
        .plateau_epochs = 10,
        .average = 0.99,
        .foreground = 0.33,
        .validate_every = 1,
        .seed = 1};
    t->patch[0] = patch_side(f->largest[0]);
    t->patch[1] = patch_side(f->largest[1]);
    double batch = 8.0 * 65536.0 / (double)(t->patch[0] * t->patch[1]);
    t->batch = (size_t)fmin(fmax(batch, 4.0), 32.0);
    t->steps = (f->slices + t->batch - 1) / t->batch;
    t->steps = t->steps < 20 ? 20 : t->steps > 250 ? 250 : t->steps;
    t->augment = (ul_augmentation){.flip_x_p = 0.5,
        .flip_y_p = 0.5,
        .rotate_p = 0.5,
        .rotate_degrees = 20.0,
        .scale_p = 0.5,
        .scale_low = 0.75,
        .scale_high = 1.3,
        .stretch = 0.1,
        .shift_p = 0.3,
        .shift = 0.1,
        .elastic_p = 0.3,
        .elastic_px = 4.0,
        .elastic_spacing_px = 16.0,
        .gamma_p = 0.3,
        .gamma_low = 0.7,
        .gamma_high = 1.5,
        .gamma_invert_p = 0.3,
        .contrast_p = 0.3,
        .contrast_low = 0.7,
        .contrast_high = 1.3,
        .brightness_p = 0.3,
        .brightness = 0.2,
        .noise_p = 0.2,
        .noise = 0.2,
        .blur_p = 0.2,
        .blur_low = 0.4,
        .blur_high = 1.2};
    if (f->volumes)
        t->augment.flip_z_p = 0.5;
    if (f->channels == 3) {
        t->augment.colour_p = 0.5;
        t->augment.colour = 0.3;
        t->augment.shuffle_p = t->augment.grey_p = t->augment.invert_p = 0.2;
    }
}

static void derive_generation(ul_generation *g) {
    *g = (ul_generation){.rotate_degrees = 20.0,
        .scale_low = 0.8,
        .scale_high = 1.2,
        .shear = 0.05,
        .elastic_mm = 4.0,
        .elastic_spacing_mm = 40.0,
        .shrink_mm = 1.5,
        .grow_mm = 2.0,
        .mirror_p = 0.5,
        .strip_p = 0.4,
        .strip_some_p = 0.3,
        .cut_p = 0.15,
        .mean_low = 0.0,
        .mean_high = 1.0,
        .sd = 0.12,
        .sequence_p = 0.5,
        .relaxation_sd = 0.08,
        .related_p = 0.5,
        .related_sd = 0.08,
        .apart_p = 0.05,
        .faint_p = 0.1,
        .background_p = 0.15,
        .lesions_p = 0.2,
        .lesion_mm = 12.0,
        .thick_p = 0.6,
        .thick_low = 2.0,
        .thick_high = 7.0,
        .resolution_low = 1.0,
        .resolution_high = 2.0,
        .bias = 0.4,
        .bias_spacing_mm = 80.0,
        .gamma = 0.35,
        .noise = 0.1,
        .rician_p = 0.5,
        .jitter = 0.05,
        .real_p = 0.5,
        .draws = 2};
}

/* Heads that are drawn serve every contrast and plane. */
static void derive_drawn(ul_plan *plan) {
    static const ul_plane planes[] = {UL_PLANE_AXIAL, UL_PLANE_CORONAL, UL_PLANE_SAGITTAL};
    ul_card *card = &plan->card;
    card->plane_count = 3;
    memcpy(card->planes, planes, sizeof planes);
    card->normalisation = (ul_normalisation){UL_NORMALISE_FOREGROUND, false, 1.0, 99.0};
    card->spacing_mm[0] = card->spacing_mm[1] =
        fmax(card->spacing_mm[0], card->spacing_mm[1]); /* along every plane */
    card->fov_mm[0] = card->fov_mm[1] = 0.0;
    card->tta_flip_x = card->tta_flip_y = false;
    plan->training.foreground = 0.7; /* else many patches show air and neck alone */
    ul_augmentation *a = &plan->training.augment;
    a->flip_x_p = a->flip_y_p = a->flip_z_p = 0.0;
}

static ul_status derive(
    const ul_dataset *dataset, const ul_fingerprint *f, ul_plan *plan, ul_error *error) {
    ul_card *card = &plan->card;
    ul_card_init(card);
    snprintf(card->modality, sizeof card->modality, "%s", f->modality);
    if (f->volumes && f->placed && f->plane != UL_PLANE_UNKNOWN) {
        card->plane_count = 1;
        card->planes[0] = f->plane;
    }
    card->channels = f->channels == 3 ? UL_CHANNELS_RGB
                     : f->volumes     ? UL_CHANNELS_NEIGHBOURS
                                      : UL_CHANNELS_GREY;
    if (f->volumes) {
        memcpy(card->spacing_mm, f->spacing_mm, sizeof card->spacing_mm);
        card->fov_mm[0] = floor(0.8 * f->extent_mm[0]);
        card->fov_mm[1] = ceil(1.25 * f->extent_mm[1]);
    }
    card->normalisation = derive_normalisation(f);
    card->tta_flip_x = card->tta_flip_y = true;
    plan->input_channels = card->channels == UL_CHANNELS_GREY ? 1 : 3;
    plan->classes = f->class_count == 1 ? 1 : f->class_count + 1;
    derive_training(f, &plan->training);
    derive_generation(&plan->training.generate);
    if (dataset->values)
        derive_drawn(plan);
    return derive_classes(dataset, f, &card->classes, error);
}

/* Ranges that are drawn from. */
static ul_status check_augmentation(const ul_augmentation *a, ul_error *error) {
    const struct {
        const char *name;
        double low, high;
        bool factor; /* 0 leaves nothing of the image */
    } ranges[] = {{"scale", a->scale_low, a->scale_high, true},
        {"gamma", a->gamma_low, a->gamma_high, true},
        {"contrast", a->contrast_low, a->contrast_high, true},
        {"blur", a->blur_low, a->blur_high, false}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].low > ranges[i].high || (ranges[i].factor && ranges[i].low <= 0.0))
            return ul_error_set(error, UL_ERROR_INPUT,
                "plan: %s_low and %s_high are %g and %g: the first must %sbe at most the second",
                ranges[i].name, ranges[i].name, ranges[i].low, ranges[i].high,
                ranges[i].factor ? "be above 0 and " : "");
    if (a->stretch >= 1.0 || a->colour >= 1.0)
        return ul_error_set(error, UL_ERROR_INPUT,
            "plan: %s is %g, must be below 1: 1 less or more is nothing or twice as much",
            a->stretch >= 1.0 ? "stretch" : "colour", a->stretch >= 1.0 ? a->stretch : a->colour);
    return UL_OK;
}

static ul_status check_generation(const ul_generation *g, ul_error *error) {
    const struct {
        const char *name;
        double low, high;
        bool length;
    } ranges[] = {{"scale", g->scale_low, g->scale_high, true},
        {"mean", g->mean_low, g->mean_high, false}, {"thick", g->thick_low, g->thick_high, true},
        {"resolution", g->resolution_low, g->resolution_high, true}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].low > ranges[i].high || (ranges[i].length && ranges[i].low <= 0.0))
            return ul_error_set(error, UL_ERROR_INPUT,
                "plan: generate: %s_low and %s_high are %g and %g: the first must %sbe at most the "
                "second",
                ranges[i].name, ranges[i].name, ranges[i].low, ranges[i].high,
                ranges[i].length ? "be above 0 and " : "");
    if (g->draws == 0 || g->shear > 0.3 || g->mean_high > 2.0)
        return ul_error_set(error, UL_ERROR_INPUT,
            "plan: generate: draws is at least 1, shear at most 0.3, mean_high at most 2");
    return UL_OK;
}

static ul_status check_training(const ul_training *t, ul_error *error) {
    if (t->steps == 0 || t->batch == 0 || t->validate_every == 0 || t->patch[0] == 0 ||
        t->patch[1] == 0 || t->patch[0] % UL_SLICE_STEP || t->patch[1] % UL_SLICE_STEP)
        return ul_error_set(error, UL_ERROR_INPUT,
            "plan: steps, batch and validate_every are at least 1 and patch is in multiples of 32");
    if (t->average >= 1.0)
        return ul_error_set(error, UL_ERROR_INPUT,
            "plan: average is 1: the weights would stay what they were at first");
    ul_status status = check_generation(&t->generate, error);
    return status == UL_OK ? check_augmentation(&t->augment, error) : status;
}

/* What drawn images cannot be. */
static ul_status check_drawn(const ul_dataset *dataset, const ul_plan *plan, ul_error *error) {
    if (!dataset->values)
        return UL_OK;
    if (plan->card.channels == UL_CHANNELS_RGB || plan->card.normalisation.per_slice)
        return ul_error_set(error, UL_ERROR_INPUT,
            "plan: images that are drawn from label maps are grey, and normalised as a volume");
    return label_values_check(dataset->values, &plan->card.classes, error);
}

/* A class of the data that the card does not describe would be trained and never written. */
static ul_status check_classes(
    const ul_fingerprint *fingerprint, const ul_segments *classes, ul_error *error) {
    for (unsigned number = 1; number <= fingerprint->class_count; number++)
        if (!ul_segments_find(classes, number))
            return ul_error_set(error, UL_ERROR_INPUT,
                "plan: the labels hold class %u, which \"classes\" of the card does not describe",
                number);
    return UL_OK;
}

static bool has_partners(const ul_segments *classes) {
    bool any = false;
    for (size_t n = 0; n < classes->count; n++)
        any = any || classes->items[n].mirror != 0;
    return any;
}

/* Takes the flips back that training never makes: averaged by --tta, they would ruin a result. */
static void settle_flips(const ul_dataset *dataset, ul_plan *plan) {
    const ul_augmentation *augment = &plan->training.augment;
    ul_card *card = &plan->card;
    bool mirrored =
        augment->mirror_p > 0.0 || (dataset->values && plan->training.generate.mirror_p > 0.0);
    /* Mirrored patients are flipped along x but in sagittal slices, which --tta spares where
     * classes have partners. */
    for (size_t p = 0; p < card->plane_count && !has_partners(&card->classes); p++)
        mirrored = mirrored && card->planes[p] != UL_PLANE_SAGITTAL;
    card->tta_flip_x = card->tta_flip_x && (augment->flip_x_p > 0.0 || mirrored);
    card->tta_flip_y = card->tta_flip_y && augment->flip_y_p > 0.0;
}

ul_status ul_plan_derive(const ul_dataset *dataset, const ul_fingerprint *fingerprint,
    const char *plan_path, ul_plan *plan, ul_error *error) {
    *plan = (ul_plan){0};
    ul_status status = derive(dataset, fingerprint, plan, error);
    if (status == UL_OK && plan_path)
        status = plan_override(plan, plan_path, error);
    if (status == UL_OK && ul_card_tells_sides(&plan->card))
        partners_find(&plan->card.classes);
    if (status == UL_OK)
        status = ul_card_check(&plan->card, plan->input_channels, plan->classes, error);
    if (status == UL_OK && plan->input_channels > UL_PLAN_MAX_CHANNELS)
        status =
            ul_error_set(error, UL_ERROR_INPUT, "plan: %zu input_channels, at most %d are allowed",
                plan->input_channels, UL_PLAN_MAX_CHANNELS);
    if (status == UL_OK)
        status = check_classes(fingerprint, &plan->card.classes, error);
    if (status == UL_OK)
        status = check_training(&plan->training, error);
    if (status == UL_OK)
        status = check_drawn(dataset, plan, error);
    if (status == UL_OK)
        settle_flips(dataset, plan);
    else
        ul_plan_free(plan);
    return status;
}

ul_model_shape ul_plan_shape(const ul_plan *plan) {
    return (ul_model_shape){.input_channels = plan->input_channels,
        .classes = plan->classes,
        .width = {16, 32, 64, 128, 256, 512},
        .bottleneck = 128};
}
