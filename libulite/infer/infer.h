/* One slice through the folded network, by one thread or by a team that shares it. */
#pragma once

#include "libulite/infer/buffers.h"
#include "libulite/infer/fold.h"
#include "libulite/kernels/kernels.h"
#include "ulite/resources.h"

/* For tests and measurements: sees every block's output as rows of it are made, on the thread that
 * made them. name is that of the block, "e1.skip" or "d1.out"; data is [rows][width][stride]. */
typedef struct ul_probe_rows {
    const char *name;
    size_t y, rows, width, channels;
    const float *data;
    size_t stride, row; /* floats from pixel to pixel, from row to row */
} ul_probe_rows;

typedef struct ul_probe {
    void (*rows)(void *context, const ul_probe_rows *rows);
    /* The thread has done a step of ul_buffers; NULL where nobody asks. */
    void (*step)(void *context, int thread, int step);
    void *context;
} ul_probe;

/* What one thread of a team knows. All threads of a team call ul_infer_slice at the same time,
 * in ul_team_run where there are several. */
typedef struct ul_run {
    const ul_kernels *kernels;
    const ul_folded *folded;
    const ul_buffers *plan;
    const float *zeros;  /* a row of any tensor's length */
    float *shared, *own; /* regions: of the team, of the thread; equal for thread 0 */
    int thread, threads;
    ul_team *team;         /* whose barrier they meet at; NULL for one thread */
    const float *input;    /* [C][height][width] */
    float *logits;         /* [K][height][width] */
    const ul_probe *probe; /* NULL where nobody looks */
} ul_run;

void ul_infer_slice(const ul_run *run);
