/* A network run over the slices of a stack. */
#pragma once

#include "jobs/segment/slices.h"
#include "ulite/segment.h"
#include "volume/planes.h"

enum { PREDICT_MAX_CLASSES = 256 };

/* Takes the logits [classes][height][width] of one slice, on a plane of stack->out. Called by
 * several threads at once, for different slices. */
typedef void (*predict_function)(void *context, const ul_voxel_plane *plane, const float *logits);

/* Runs the model over slices first to first + count - 1 of a stack, as many at a time as there are
 * threads. Logits are unpadded and interpolated linearly onto stack->out's pixels, and averaged
 * over the flips. The same for any number of threads. Errors: UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED.
 */
ul_status predict_stack(const ul_model *model, const ul_card *card, const slice_stack *stack,
    size_t first, size_t count, const ul_segment_options *options, const ul_progress *progress,
    predict_function take, void *context, ul_error *error);
