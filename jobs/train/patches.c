#include "jobs/train/patches.h"

#include <stdlib.h>
#include <string.h>

static ul_status open_scratch(const ul_dataset *dataset, patch_source *source, ul_error *error) {
    size_t threads = (size_t)source->threads;
    source->cut = calloc(threads, sizeof *source->cut);
    source->drawn = dataset->values ? calloc(threads, sizeof *source->drawn) : NULL;
    if (!source->cut || (dataset->values && !source->drawn))
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for training slices");
    ul_status status = UL_OK;
    for (size_t t = 0; status == UL_OK && t < threads; t++) {
        status = augment_scratch_create(source->plan, &source->cut[t], error);
        if (status == UL_OK && source->drawn)
            status = generator_scratch_create(source->plan, &source->drawn[t], error);
    }
    return status;
}

/* Takes in the classes of the label maps, as large as they are there. */
static void add_volumes(const patch_generator *generator, volume_range *volumes) {
    for (size_t m = 0; m < generator->count; m++) {
        const label_map *map = &generator->maps[m];
        double ml[UL_CARD_CLASSES] = {0.0};
        double voxel_ml = 1e-3 * map->spacing_mm[0] * map->spacing_mm[1] * map->spacing_mm[2];
        for (size_t c = 0; c < LABEL_VALUES_MOST; c++)
            ml[c] = voxel_ml * (double)map->class_voxels[c];
        volume_range_add(volumes, ml);
    }
}

ul_status patch_source_open(const ul_dataset *dataset, const ul_plan *plan, int threads,
    const ul_progress *progress, patch_source *source, ul_error *error) {
    *source = (patch_source){.plan = plan, .threads = threads};
    ul_status status = open_scratch(dataset, source, error);
    if (status == UL_OK)
        status =
            samples_load(dataset, UL_SPLIT_TRAIN, plan, threads, progress, &source->samples, error);
    if (status == UL_OK && dataset->values)
        status = generator_open(dataset, UL_SPLIT_TRAIN, progress, &source->generator, error);
    if (status == UL_OK)
        add_volumes(&source->generator, &source->samples.volumes);
    else
        patch_source_close(source);
    return status;
}

void patch_source_close(patch_source *source) {
    for (int t = 0; t < source->threads; t++) {
        if (source->cut)
            augment_scratch_free(&source->cut[t]);
        if (source->drawn)
            generator_scratch_free(&source->drawn[t]);
    }
    free(source->cut);
    free(source->drawn);
    samples_free(&source->samples);
    generator_close(&source->generator);
    memset(source, 0, sizeof *source);
}

void patch_make(const patch_source *source, size_t step, size_t item, int thread, float *image,
    uint8_t *labels) {
    const ul_training *t = &source->plan->training;
    random_stream stream = random_at(t->seed, step, item);
    bool drawn = source->samples.count == 0;
    if (!drawn && source->generator.count > 0)
        drawn = !random_happens(&stream, t->generate.real_p);
    if (drawn) {
        generator_draw(
            &source->generator, source->plan, &stream, &source->drawn[thread], image, labels);
        return;
    }
    sample_place place = samples_draw(&source->samples, t, &stream);
    augment_cut(source->plan, &place, &stream, &source->cut[thread], image, labels);
}
