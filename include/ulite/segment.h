/* From a volume and a model to labels on the volume's voxels. */
#ifndef ULITE_SEGMENT_H
#define ULITE_SEGMENT_H

#include "ulite/card.h"
#include "ulite/quality.h"
#include "ulite/session.h"
#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_segment_options {
    int threads;           /* 0: ul_default_threads() */
    bool flips;            /* average the flips that the card allows (it may do so by default) */
    bool fractions;        /* keep the probabilities too */
    const ul_grid *slices; /* those that the volume was resampled from (ul_volume_regular): where
                              some are missing, no label is kept. NULL: the volume's own */
    ul_segment_quality *quality; /* [card->classes.count] that receives how far each class can be
                                    believed, the caller's; NULL: not measured */
    size_t logit_bytes;          /* most memory for the logits of several planes; 0: 1 GiB */
} ul_segment_options;

/* Why a volume is not what the card's model was made for, though it could be run: modality, body
 * part, field of view, spacing. UL_ERROR_MODEL with the reason, or UL_OK. */
UL_API ul_status ul_card_fit(const ul_card *card, const ul_volume *volume, ul_error *error);

/* Runs the model over every slice, along every plane of the card, averages the logits on the
 * source's voxels, takes the class of the largest (K = 1: over 0), settles the sides
 * where the card says so and applies the card's post-processing. Memory beside volume and labels: a
 * session and a slice's input and output per thread; with several planes 4 bytes per output and
 * voxel (or point at the card's spacing where it has neighbours at a distance), where that is over
 * options->logit_bytes in slabs of stored slices (one slice at least), for each of which the planes
 * that cross it are run again; with fractions and post-processing 2
 * bytes per voxel.
 * Errors: UL_ERROR_GEOMETRY (a plane that the slices cannot be cut along), UL_ERROR_MODEL
 * (colours), UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED. *labels: ul_labels_free. */
UL_API ul_status ul_segment_volume(const ul_model *model, const ul_card *card,
    const ul_volume *volume, const ul_segment_options *options, const ul_progress *progress,
    ul_labels *labels, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
