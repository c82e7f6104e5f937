/* NIfTI files of several volumes on one grid, which need not be in memory together. */
#pragma once

#include "ulite/nifti.h"

typedef struct nifti_frames {
    const ul_volume *like; /* grid, channels and sample of all, rescaling of the first slice; its
                              samples are looked at only where there is no open */
    bool stored; /* all are of that sample and rescaling; else values as float are written */
    size_t count;
    double step_s; /* from one to the next, seconds; 0: unknown */
    /* Gives the index-th volume until the next call; NULL: like is the one there is. */
    ul_status (*open)(void *context, size_t index, const ul_volume **volume, ul_error *error);
    void *context;
} nifti_frames;

/* Whether all slices share one slope and intercept. */
bool nifti_scaled_alike(const ul_volume *volume);

/* As ul_nifti_write; each volume is opened twice, to be written and to be compared. */
ul_status nifti_write_frames(const char *path, nifti_frames *frames, const ul_nifti_header *header,
    int threads, const ul_progress *progress, ul_error *error);
