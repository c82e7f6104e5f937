/* Whether a segmentation can be believed: signs of failure that need no truth to compare with. */
#ifndef ULITE_QUALITY_H
#define ULITE_QUALITY_H

#include "ulite/card.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ul_quality_flag {
    UL_QUALITY_EMPTY = 1,        /* no voxel, though no training case was without */
    UL_QUALITY_BORDER = 2,       /* touches the border of a 3D field of view */
    UL_QUALITY_PIECES = 4,       /* in pieces, though the card keeps the largest alone */
    UL_QUALITY_VOLUME = 8,       /* volume outside the range of the training cases */
    UL_QUALITY_DISAGREEMENT = 16 /* planes, flips or classes disagree at the surface */
} ul_quality_flag;

enum { UL_QUALITY_FLAGS = 5, UL_QUALITY_TEXT_BYTES = 256 };

/* One class of the model. NaN: not known. */
typedef struct ul_segment_quality {
    unsigned number;
    size_t voxels;
    double volume_ml;    /* NaN in 2D and where the spacing is unknown */
    double range_ml[2];  /* of the training cases */
    double border;       /* share of its voxels on the faces of the volume; NaN in 2D */
    double pieces;       /* share of its voxels outside its largest component, before the card's
                            rules for components; NaN in 2D */
    double disagreement; /* mean entropy, in bits, of the softmax of the averaged logits at its
                            surface: where labels change along a row of the volume */
    unsigned flags;      /* of ul_quality_flag */
} ul_segment_quality;

/* "empty", "border", "pieces", "volume", "disagreement": of flag number n below UL_QUALITY_FLAGS.
 */
UL_API const char *ul_quality_word(int n);

/* What the flags say, with figures: "empty", "3.1 mL, 0.9 to 2.2 in training; in pieces (31 %)". */
UL_API void ul_quality_text(const ul_segment_quality *quality, char text[UL_QUALITY_TEXT_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
