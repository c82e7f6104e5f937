#include "jobs/generate/volume.h"

#include "ulite/resources.h"

#include <stdlib.h>
#include <string.h>

/* Stored samples per value: 16 bits hold values up to 4. */
#define SAMPLES_PER_VALUE 16000.0f

/* A stream for the name of a case and a number. */
static random_stream stream_of(const char *name, size_t draw) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *c = name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    return random_at(0, hash, draw);
}

/* Columns, rows and slices along the patient's axes, the thickest voxels through the slices. */
static void choose_axes(const head_scan *head, int patient[3]) {
    int through = 2;
    for (int t = 0; t < 3; t++)
        if (head->voxel_mm[t] > head->voxel_mm[through])
            through = t;
    for (int t = 0; t < 3; t++)
        patient[t] = (through + 1 + t) % 3;
}

static head_raster raster_of(const head_scan *head, const int patient[3], size_t size[3]) {
    head_raster raster = {.width = 0};
    for (int t = 0; t < 3; t++) {
        int p = patient[t];
        double length = head->high_mm[p] - head->low_mm[p];
        size[t] = (size_t)fmax(floor(length / head->voxel_mm[p]), 1.0);
        double spare = length - (double)size[t] * head->voxel_mm[p];
        raster.origin_mm[p] = head->low_mm[p] + 0.5 * (spare + head->voxel_mm[p]);
        raster.step_mm[t][p] = head->voxel_mm[p];
        raster.extent_mm[t] = head->blur * head->voxel_mm[p];
    }
    raster.width = size[0];
    raster.height = size[1];
    return raster;
}

static ul_status create(const head_raster *raster, const size_t size[3], ul_volume *volume,
    ul_labels *labels, ul_error *error) {
    double affine[4][4] = {{0.0}};
    static const ul_segments none = {0};
    ul_grid grid;
    for (int p = 0; p < 3; p++) {
        for (int t = 0; t < 3; t++)
            affine[p][t] = raster->step_mm[t][p];
        affine[p][3] = raster->origin_mm[p];
    }
    affine[3][3] = 1.0;
    ul_status status = ul_grid_from_affine(size, (const double(*)[4])affine, &grid, error);
    if (status != UL_OK)
        return status;
    status = ul_volume_create(&grid, 1, UL_SAMPLE_U16, volume, error);
    if (status == UL_OK)
        status = ul_labels_create(&grid, &none, false, labels, error);
    ul_grid_free(&grid);
    return status;
}

/* Room to draw a slice, one per thread. */
typedef struct slice_room {
    head_scratch scratch;
    float *values;
    uint8_t *truth;
} slice_room;

typedef struct volume_work {
    const head_scan *head;
    const head_raster *raster;
    ul_volume *volume;
    ul_labels *labels;
    slice_room *rooms; /* [threads] */
} volume_work;

static void fill_slice(void *context, size_t k, int thread) {
    const volume_work *work = context;
    slice_room *room = &work->rooms[thread];
    size_t area = work->raster->width * work->raster->height;
    uint16_t *samples = (uint16_t *)work->volume->samples + k * area;
    head_render(work->head, work->raster, (long)k, &room->scratch, room->values);
    head_render_labels(work->head, work->raster, (long)k, &room->scratch, room->truth);
    for (size_t i = 0; i < area; i++) {
        float sample = rintf(SAMPLES_PER_VALUE * fminf(fmaxf(room->values[i], 0.0f), 4.0f));
        samples[i] = (uint16_t)sample;
        work->labels->map[k * area + i] = room->truth[i];
    }
}

static ul_status fill(const head_scan *head, const head_raster *raster, int threads,
    ul_volume *volume, ul_labels *labels, ul_error *error) {
    size_t area = raster->width * raster->height;
    ul_team *team = ul_team_create_for(volume->grid.size[2], threads);
    size_t rooms = (size_t)ul_team_threads(team);
    volume_work work = {head, raster, volume, labels, calloc(rooms, sizeof *work.rooms)};
    ul_status status = UL_OK;
    for (size_t t = 0; status == UL_OK && work.rooms && t < rooms; t++) {
        work.rooms[t].values = malloc(area * sizeof(float));
        work.rooms[t].truth = malloc(area);
        if (work.rooms[t].values && work.rooms[t].truth)
            status =
                head_scratch_create(raster->width, raster->height, &work.rooms[t].scratch, error);
        else
            status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a drawn slice");
    }
    if (!work.rooms)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for drawn slices");
    if (status == UL_OK)
        ul_team_for(team, volume->grid.size[2], fill_slice, &work);
    for (size_t t = 0; work.rooms && t < rooms; t++) {
        head_scratch_free(&work.rooms[t].scratch);
        free(work.rooms[t].values);
        free(work.rooms[t].truth);
    }
    free(work.rooms);
    ul_team_close(team);
    return status;
}

static ul_status draw_volume(const label_values *values, const label_map *map,
    const ul_generation *ranges, int threads, random_stream *stream, ul_volume *volume,
    ul_labels *labels, ul_error *error) {
    head_scan *head = malloc(sizeof *head);
    if (!head)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a drawn head");
    int patient[3];
    size_t size[3];
    head_draw(values, map, ranges, stream, head);
    choose_axes(head, patient);
    head_raster raster = raster_of(head, patient, size);
    ul_status status = create(&raster, size, volume, labels, error);
    if (status == UL_OK)
        status = fill(head, &raster, threads, volume, labels, error);
    free(head);
    return status;
}

ul_status generate_volume(const ul_dataset *dataset, size_t index, const ul_generation *ranges,
    size_t draw, int threads, ul_volume *volume, ul_labels *labels, ul_error *error) {
    ul_generation whole = *ranges;
    label_map map;
    *volume = (ul_volume){0};
    *labels = (ul_labels){0};
    whole.cut_p = 0.0;
    whole.thick_p = draw % 2 ? 1.0 : 0.0;
    ul_status status = label_map_read(dataset, index, &map, error);
    random_stream stream = stream_of(dataset->cases[index].name, draw);
    if (status == UL_OK)
        status =
            draw_volume(dataset->values, &map, &whole, threads, &stream, volume, labels, error);
    label_map_free(&map);
    if (status != UL_OK) {
        ul_volume_free(volume);
        ul_labels_free(labels);
    }
    return status;
}
