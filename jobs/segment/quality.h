/* Measures a segmentation for ulite/segment.h while it is made. */
#pragma once

#include "jobs/segment/predict.h"
#include "ulite/segment.h"

#include <stdatomic.h>

/* Of a class, over the voxels at its surface, added up as whole numbers, so that the order of
 * threads does not matter. */
typedef struct surface_meter {
    atomic_uint_fast64_t voxels, entropy;
    atomic_uint_fast64_t missed, outside; /* probability of other classes inside, of it outside */
} surface_meter;

typedef struct quality_meter {
    surface_meter surface[PREDICT_MAX_CLASSES];
    double pieces[PREDICT_MAX_CLASSES];
} quality_meter;

/* Zeroed, malloc'd; NULL where memory ran out. */
quality_meter *quality_meter_create(void);

/* Meters the surface between a voxel and the next one of its row, of two labels: logits of the
 * first one, `stride` apart and added up over `planes`; those of the second follow each.
 * first_known: the first voxel has been metered as the second of the surface before. */
void quality_add_surface(quality_meter *meter, const unsigned labels[2], bool first_known,
    const float *logits, size_t stride, size_t classes, size_t planes);

/* Measures the components of labels that the card's rules have not seen. Errors: UL_ERROR_LIMIT. */
ul_status quality_measure_pieces(quality_meter *meter, const ul_labels *labels, ul_error *error);

/* The quality of the finished labels of a volume: quality [card->classes.count]. */
void quality_judge(const quality_meter *meter, const ul_card *card, const ul_volume *volume,
    const ul_labels *labels, ul_segment_quality *quality);
