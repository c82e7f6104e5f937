#include "libulite/infer/buffers.h"

#include "libulite/kernels/kernels.h"

#define REACH 3            /* rows above and below that a 7-tap cross needs */
#define BLOCK_PIXELS 256   /* enough for a 1x1 to make use of the weights it loads */
#define ROWS_PER_THREAD 16 /* fewer and threads share a level by channels */
#define STEPS 11

typedef struct lifetime {
    size_t floats;
    int first, last; /* steps */
} lifetime;

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* A power of two, at least least, that gives a block of BLOCK_PIXELS pixels; all rows if fewer. */
static size_t block_rows(size_t height, size_t width, size_t least) {
    size_t rows = least;
    while (rows < height && rows * width < BLOCK_PIXELS)
        rows *= 2;
    return smaller(rows, height);
}

/* Level 0 goes by rows always: its first and last convolutions have no channels to share. */
static void plan_level(ul_buffers_level *level, bool top, size_t channels, int threads) {
    size_t team = (size_t)threads;
    level->by_channels = !top && threads > 1 && level->height < ROWS_PER_THREAD * team &&
                         channels / UL_LANES >= team;
    level->encoder_rows = block_rows(level->height, level->width, 4);
    level->decoder_rows = block_rows(level->height, level->width, REACH + 1);
    if (level->by_channels)
        level->encoder_rows = level->decoder_rows = level->height;
    /* A block of a decoder needs the rows of the block before and of the one after it. */
    level->ring_rows = smaller(3 * level->decoder_rows, level->height);
}

static void add_level(lifetime *life, const ul_buffers *plan, const ul_folded *f, int l) {
    const ul_buffers_level *p = &plan->level[l];
    size_t row = p->width * f->width[l], padded = row + UL_ROW_PAD;
    size_t out = p->width / 2 * f->width[l + 1] + (l + 1 < UL_DEPTH ? UL_ROW_PAD : 0);
    int encoder = l, decoder = STEPS - 1 - l;
    life[UL_BUFFER_SKIP + l] = (lifetime){p->height * padded, encoder, decoder};
    life[UL_BUFFER_ENCODED + l] = (lifetime){p->height / 2 * out, encoder, encoder + 1};
    life[UL_BUFFER_DECODED + l] = l > 0 ? (lifetime){p->height * row, decoder, decoder + 1}
                                        : (lifetime){p->decoder_rows * row, decoder, decoder};
    life[UL_BUFFER_LOW + l] = (lifetime){p->decoder_rows * row / 4, decoder, decoder};
    life[UL_BUFFER_RING + l] = (lifetime){p->ring_rows * padded, decoder, decoder};
    life[UL_BUFFER_CROSS + l] = (lifetime){p->decoder_rows * padded, decoder, decoder};
}

/* The lowest offset at which a buffer meets no placed one that lives at the same time. */
static size_t lowest_offset(
    const lifetime *life, const size_t *offset, const bool *placed, int which) {
    size_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < UL_BUFFERS; i++) {
            bool together =
                placed[i] && life[i].first <= life[which].last && life[which].first <= life[i].last;
            if (together && at < offset[i] + life[i].floats &&
                offset[i] < at + life[which].floats) {
                at = offset[i] + life[i].floats;
                moved = true;
            }
        }
    }
    return at;
}

/* Whether a thread of a team has the buffer for itself: the rows that it works on. */
static bool is_own(const ul_buffers *plan, int which) {
    if (which == UL_BUFFER_INPUT || which == UL_BUFFER_CONV_IN || which == UL_BUFFER_DECODED)
        return true;
    return which >= UL_BUFFER_LOW && which < UL_BUFFER_CROSS + UL_DEPTH &&
           !plan->level[(which - UL_BUFFER_LOW) % UL_DEPTH].by_channels;
}

/* Places the buffers that are chosen, largest first, each at the lowest offset that is free during
 * its life; returns the floats that they take together. */
static size_t place(ul_buffers *plan, const lifetime *life, const bool *chosen) {
    bool placed[UL_BUFFERS] = {false};
    size_t region = 0;
    for (;;) {
        int largest = -1;
        for (int i = 0; i < UL_BUFFERS; i++)
            if (chosen[i] && !placed[i] && (largest < 0 || life[i].floats > life[largest].floats))
                largest = i;
        if (largest < 0)
            return region;
        size_t at = lowest_offset(life, plan->offset, placed, largest);
        plan->offset[largest] = at;
        placed[largest] = true;
        size_t end = at + life[largest].floats;
        region = end > region ? end : region;
    }
}

void ul_buffers_plan(
    ul_buffers *plan, const ul_folded *f, size_t height, size_t width, int threads) {
    lifetime life[UL_BUFFERS];
    *plan = (ul_buffers){.input_row = ul_pad_channels(width + 2 * REACH)};
    for (int l = 0; l < UL_DEPTH; l++) {
        plan->level[l].height = height >> l;
        plan->level[l].width = width >> l;
        plan_level(&plan->level[l], l == 0, f->width[l], threads);
        add_level(life, plan, f, l);
    }
    size_t bottom = (height >> UL_DEPTH) * (width >> UL_DEPTH);
    life[UL_BUFFER_CONCAT] = (lifetime){bottom * 4 * f->bottleneck, 5, 5};
    life[UL_BUFFER_BOTTLENECK] = (lifetime){bottom * f->width[5], 5, 6};
    life[UL_BUFFER_INPUT] =
        (lifetime){(UL_INPUT_ROWS + 1) * plan->input_row * f->input_channels, 0, 0};
    life[UL_BUFFER_CONV_IN] = (lifetime){
        (plan->level[0].encoder_rows + 2 * REACH) * (width * f->width[0] + UL_ROW_PAD), 0, 0};
    for (int i = 0; i < UL_BUFFERS; i++)
        life[i].floats = ul_pad_channels(life[i].floats);
    bool shared[UL_BUFFERS], own[UL_BUFFERS];
    for (int i = 0; i < UL_BUFFERS; i++) {
        own[i] = threads > 1 && is_own(plan, i);
        shared[i] = !own[i];
    }
    plan->region = place(plan, life, shared);
    plan->own_region = place(plan, life, own);
}
