/* The inside of a trainer.
 *
 * A step is a row of phases. A phase runs over the chunks of one resolution level in parallel; what
 * has to wait for all of them (batch statistics, halos, sums of weight gradients) stands between
 * phases. Chunks depend on the shape of the batch alone, and their sums are added in their order,
 * so that the number of threads never shows in a result.
 *
 * Activations are NHWC, channels padded to UL_LANES. Backward phases write gradients over the
 * activations that they have used up; which buffer holds what, and when, stands with ul_resolution.
 */
#pragma once

#include "libulite/kernels/train_kernels.h"
#include "libulite/model/layout.h"
#include "libulite/train/loss.h"
#include "ulite/session.h"
#include "ulite/trainer.h"

#define UL_RESOLUTIONS 6 /* resolution level l has height >> l rows; widths are shape.width[l] */
#define UL_BOTTOM 5      /* the bottleneck's level */
#define UL_CROSS_PAD 3   /* radius times dilation never exceeds it */

/* 1x1 convolutions, or the part of one that reads one half of a decoder's concatenation. Those
 * marked by level are five each, [level] for levels 0..4. */
typedef enum ul_pointwise_id {
    UL_PW_ENCODER = 0,
    UL_PW_DECODER_LOW = UL_PW_ENCODER + UL_BOTTOM,
    UL_PW_DECODER_SKIP = UL_PW_DECODER_LOW + UL_BOTTOM,
    UL_PW_DECODER_OUT = UL_PW_DECODER_SKIP + UL_BOTTOM,
    UL_PW_BOTTOM_IN = UL_PW_DECODER_OUT + UL_BOTTOM,
    UL_PW_BOTTOM_OUT,
    UL_PW_LOGITS,
    UL_PW_COUNT
} ul_pointwise_id;

typedef struct ul_pointwise_weights {
    size_t weight, bias;    /* tensors of the layout */
    bool owns_bias;         /* its bias is the tensor's (not the low half of a decoder's) */
    size_t row, first;      /* input channels of the whole tensor, and where this part starts */
    size_t inputs, outputs; /* channels */
    size_t segment;         /* inputs come in segments of this many channels, each padded */
    size_t padded_inputs, padded_outputs;
    float *forward, *backward; /* panels, see ul_matmul */
    float *padded_bias;        /* folded as `forward` is where a batch norm precedes */
} ul_pointwise_weights;

/* Axial blocks: encoders and decoders by level, the bottleneck's three. */
typedef enum ul_axial_id {
    UL_AXIAL_ENCODER = 0,
    UL_AXIAL_DECODER = UL_AXIAL_ENCODER + UL_BOTTOM,
    UL_AXIAL_BOTTOM = UL_AXIAL_DECODER + UL_BOTTOM,
    UL_AXIAL_COUNT = UL_AXIAL_BOTTOM + 3
} ul_axial_id;

typedef struct ul_axial_weights {
    size_t first; /* layout tensor of dw_h.weight, followed by its bias and dw_w's two */
    size_t channels, padded, radius, dilation;
    float *forward, *backward; /* [2][2 * radius + 1][padded], see ul_train_cross */
    float *bias;
} ul_axial_weights;

/* Batch norms: encoders and decoders by level, the bottleneck's. */
typedef enum ul_norm_id {
    UL_NORM_ENCODER = 0,
    UL_NORM_DECODER = UL_NORM_ENCODER + UL_BOTTOM,
    UL_NORM_BOTTOM = UL_NORM_DECODER + UL_BOTTOM,
    UL_NORM_COUNT
} ul_norm_id;

typedef struct ul_norm_data {
    size_t first; /* layout tensor of the weight, followed by bias, running mean and variance */
    size_t channels, segment, padded;
    float *mean, *scale, *shift;         /* y = scale * x + shift */
    double *by_gradient, *by_x, *by_one; /* the backward pass, see affine2 */
    double *deviation, *variance;        /* 1 / sqrt(variance + eps); the biased variance */
} ul_norm_data;

/* What a level's buffers hold: in the forward pass, then [what replaces it].
 *  input     the level's input: conv_in's output, or GELU of pooled
 *  pooled    before that GELU, levels 1..5         [gradient by it]
 *  which     which of 2x2 was the largest, levels 1..5
 *  cross     the encoder's cross, before its batch norm, levels 0..4
 *  mixed     the decoder's 1x1, before its batch norm, levels 0..4   [gradient by the skip]
 *  crossed   the decoder's cross                                     [gradient by it]
 *  output    before the last GELU of the decoder (of the bottleneck at level 5); not at level 0
 *            [gradient by it; then by the decoder's batch norm; then by the bottleneck's pw1, which
 *            may have more channels than the level] */
typedef struct ul_resolution {
    size_t height, width, channels; /* channels padded */
    size_t band_rows;               /* rows of a band: a part of one slice, pairs above level 5 */
    size_t bands, chunks, pixels;   /* of the current batch */
    float *input, *pooled, *cross, *mixed, *crossed, *output;
    uint8_t *which;
} ul_resolution;

struct ul_trainer {
    ul_trainer_options options;
    ul_model_shape shape;
    const ul_train_kernels *kernels;
    ul_team *team;
    int threads;

    ul_layout_entry layout[UL_LAYOUT_TENSORS];
    size_t offset[UL_LAYOUT_TENSORS + 1];                 /* of a tensor in the flat arrays below */
    float *values, *gradients, *first, *second, *average; /* average: NULL where it is off */
    uint64_t step;
    int64_t batches[UL_LAYOUT_NORMS];

    ul_pointwise_weights pointwise[UL_PW_COUNT];
    ul_axial_weights axial[UL_AXIAL_COUNT];
    ul_norm_data norm[UL_NORM_COUNT];
    float *input_weight, *input_bias; /* conv_in, see ul_matmul: one segment per window row */

    ul_resolution level[UL_RESOLUTIONS];
    float *bottom_narrow; /* the bottleneck's pw1 */
    float *bottom_wide;   /* the concatenation before its batch norm */
    float *bottom_gradient;
    size_t bottom_padded; /* padded channels of the concatenation */
    float *zeros;         /* as many as the most channels of a layer, and never anything else */

    float *partials;       /* [chunks][partial_floats] sums of weight gradients */
    size_t partial_floats; /* of the phase that runs */
    double *moments;       /* [chunks][2][channels] */
    double *terms;         /* UL_LOSS_TERMS slopes, then as many sums, then those of each chunk */
    float *scratch;
    size_t scratch_floats; /* per thread */

    const float *images; /* of the step that runs */
    const uint8_t *labels;
    size_t count;
    ul_loss_rule rule;

    void *arena;
    size_t arena_bytes;
};

/* One chunk of a phase; scratch is the thread's own. */
typedef void ul_phase(ul_trainer *trainer, size_t level, size_t chunk, float *scratch);

/* Runs a phase over the chunks of a level. */
void ul_train_run(ul_trainer *trainer, size_t level, ul_phase *phase);

/* Fills the tables, plans and allocates; the arrays are zero. */
ul_status ul_train_plan(ul_trainer *trainer, ul_error *error);
/* Cuts a batch of `count` slices into chunks. */
void ul_train_set_batch(ul_trainer *trainer, size_t count);

/* The range of pixels, or of bands, of a chunk. */
typedef struct ul_range {
    size_t first, end;
} ul_range;
ul_range ul_train_bands(const ul_resolution *level, size_t chunk);
ul_range ul_train_pixels(const ul_resolution *level, size_t chunk);

/* Pixels of a tile: whole pairs of rows (rows at the bottom level), about UL_TILE_PIXELS. */
#define UL_TILE_PIXELS 128
size_t ul_train_tile(const ul_resolution *level, size_t level_index);

/* A band's place: its slice, its first row there, its first pixel in the batch. */
typedef struct ul_band {
    size_t slice, row, pixel;
} ul_band;
ul_band ul_train_band(const ul_resolution *level, size_t band);

/* What a band is filled from: x itself, x through a batch norm, or with a gradient the backward
 * pass of the batch norm. stride: floats from pixel to pixel of either. */
typedef struct ul_pad_source {
    const float *x, *gradient;
    size_t stride, channels;
    const ul_norm_data *norm;
} ul_pad_source;

/* A band with UL_CROSS_PAD pixels all around, zero outside the slice; UL_LANES channels, then the
 * next UL_LANES, as the crosses want it. */
void ul_train_pad(const ul_trainer *trainer, const ul_resolution *level, size_t band,
    const ul_pad_source *source, float *out);
/* Its size, its row, its UL_LANES channels and where its first own pixel is, in floats. */
size_t ul_train_padded_floats(const ul_resolution *level, size_t channels);
size_t ul_train_padded_row(const ul_resolution *level);
size_t ul_train_padded_block(const ul_resolution *level);
size_t ul_train_padded_origin(const ul_resolution *level);

/* The same of the images, channels last, for conv_in; rows are ul_train_input_row floats. */
size_t ul_train_input_row(const ul_trainer *trainer);
void ul_train_pad_input(const ul_trainer *trainer, size_t band, float *out);

/* A 1x1 convolution, or its backward pass, over contiguous pixels; bias NULL adds to y. */
void ul_train_pointwise(const ul_trainer *t, const ul_pointwise_weights *p, bool backward,
    const float *x, const float *bias, float *y, size_t pixels);
/* An axial block, or its backward pass, on a padded band. */
void ul_train_cross_band(const ul_trainer *t, const ul_resolution *level, const ul_axial_weights *a,
    bool backward, const float *padded, const float *bias, float *y, size_t y_stride);

/* What comes after the last decoder's cross, for one tile: GELU of its 1x1, that GELU's derivative
 * where slope is not NULL, and the logits, padded. */
typedef struct ul_top_tile {
    float *active, *slope, *logits;
} ul_top_tile;
void ul_train_top(const ul_trainer *t, size_t first, size_t pixels, const ul_top_tile *tile);

/* Kernel-ready copies of all weights. */
void ul_train_pack(ul_trainer *trainer);
/* Folds a batch norm into the 1x1 convolution after it, whose forward pass then takes the batch
 * norm's input: W (scale x + shift) + bias = (W scale) x + (W shift + bias). */
void ul_train_fold_norm(ul_trainer *trainer, ul_pointwise_id id, ul_norm_id norm);

/* Sizes of the sums of a layer, and their way from padded sums into trainer->gradients. */
size_t ul_pointwise_sums(const ul_pointwise_weights *p);
void ul_pointwise_collect(ul_trainer *trainer, ul_pointwise_id id, const float *sums);
size_t ul_axial_sums(const ul_axial_weights *a);
void ul_axial_collect(ul_trainer *trainer, ul_axial_id id, const float *sums);
size_t ul_input_sums(const ul_trainer *trainer); /* conv_in */
void ul_input_collect(ul_trainer *trainer, const float *sums);

/* Batch norm. A chunk calls the first or third once for each piece of its pixels, `before` of them
 * having come before; then the second or fourth make the whole batch's coefficients. */
void ul_norm_add(
    ul_trainer *trainer, ul_norm_id id, size_t chunk, const float *x, size_t pixels, size_t before);
void ul_norm_finish(ul_trainer *trainer, ul_norm_id id, size_t level);
void ul_norm_add_gradient(ul_trainer *trainer, ul_norm_id id, size_t chunk, const float *gradient,
    const float *x, size_t pixels, size_t before);
void ul_norm_finish_gradient(ul_trainer *trainer, ul_norm_id id, size_t level);
/* Moves the running statistics towards those of the batch. */
void ul_norm_update_running(ul_trainer *trainer);

/* The passes; the forward pass returns the loss, with the slopes in terms. */
double ul_train_forward(ul_trainer *trainer);
void ul_train_backward(ul_trainer *trainer);

/* Both passes: the loss, and trainer->gradients. Checks the arguments. For ul_trainer_step and for
 * the gradient tests. */
ul_status ul_train_gradients(ul_trainer *trainer, const float *images, const uint8_t *labels,
    size_t count, double *loss, ul_error *error);

/* Adam and AdamW. */

typedef struct ul_optimizer_rule {
    ul_optimizer kind;
    double beta1, beta2, epsilon, weight_decay, learning_rate;
    double gradient_scale; /* multiplies every gradient first: clipping */
    uint64_t step;         /* 1 for the first */
} ul_optimizer_rule;

/* One step of `count` weights with their gradients and first and second moments. */
void ul_optimizer_update(const ul_optimizer_rule *rule, size_t count, float *weights,
    const float *gradients, float *first, float *second);
