/* The network's weights as inference wants them: batch norms folded into their neighbours, the
 * decoder's first 1x1 split into its low-resolution and its skip half, everything packed for the
 * kernels. The algebra is exact; docs/numerics.md has it. */
#pragma once

#include "ulite/model.h"

#define UL_DEPTH 5    /* resolutions: e1 and d1 work at level 0, e5 and d5 at level 4 */
#define UL_BRANCHES 3 /* axial blocks of the bottleneck */
#define UL_NORM_EPSILON 1e-5

typedef struct ul_folded_encoder {
    float *cross;        /* axial block and batch norm */
    float *pw, *pw_bias; /* 1x1 */
} ul_folded_encoder;

typedef struct ul_folded_decoder {
    float *low, *low_bias; /* 1x1 over x, at half resolution, with batch norm and bias */
    float *skip;           /* 1x1 over the skip, with batch norm */
    float *cross;
    float *pw2, *pw2_bias;
} ul_folded_decoder;

typedef struct ul_folded {
    size_t input_channels; /* 1 where grey */
    size_t classes;
    size_t width[UL_STAGES]; /* padded */
    size_t bottleneck;       /* padded: channels of each of the four concatenated parts */
    float *conv_in, *conv_in_bias;
    ul_folded_encoder encoder[UL_DEPTH];
    float *pw1, *pw1_bias, *cross[UL_BRANCHES], *pw2, *pw2_bias; /* b5 */
    ul_folded_decoder decoder[UL_DEPTH];
    float *project, *project_bias; /* conv_out */
} ul_folded;

/* Sets the sizes and lays the arrays out from base on; returns their floats. With base NULL it only
 * measures. */
size_t ul_fold_layout(ul_folded *folded, const ul_model_shape *shape, bool grey, float *base);

/* Fills the arrays. Errors: UL_ERROR_LIMIT (memory for the work). */
ul_status ul_fold(const ul_folded *folded, const ul_model *model, ul_error *error);
