/* The jobs of `ulite convert`. */
#pragma once

#include "ulite.h"

typedef struct convert_options {
    const char *input, *output;
    const char *sr; /* -o of a report; NULL: none. Also the output, where there is no other one */
    const char *sources[64]; /* --source, in order */
    size_t source_count;
    const char *series;      /* --series, or NULL */
    const char *segments;    /* --segments, or NULL */
    const char *names;       /* --names, or NULL */
    const char *label_table; /* --label-table, or NULL */
    ul_seg_type type;        /* UL_SEG_AUTO: of fractions FRACTIONAL */
    bool typed;              /* --type or --rle was given */
    bool structures;         /* the input is an RT Structure Set */
    bool rle, deflated, regular, split, random_uids, philips_float;
    bool all;             /* --all: the volumes of a series in one file */
    bool sidecar;         /* --sidecar: what BIDS keeps beside an image */
    struct cJSON *report; /* what --json prints, {"outputs": [...], "notes": [...]}; NULL without */
} convert_options;

/* DICOM images to NIfTI: every volume that is meant, in a file each or in one, or the only one. */
ul_status convert_series(const convert_options *options, ul_error *error);

/* A DICOM Segmentation or RT Structure Set to labels: NIfTI, NRRD, PNG, or another such object. */
ul_status convert_seg(const convert_options *options, ul_error *error);

/* Labels in NIfTI, NRRD or PNG to a DICOM Segmentation or to another such file. */
ul_status convert_labels(const convert_options *options, ul_error *error);

/* Whether the input, a NIfTI or NRRD file that becomes another one, holds labels: it says so
 * itself, or --segments does. */
bool convert_holds_labels(const convert_options *options);

/* An image in NIfTI or NRRD to another such file. */
ul_status convert_image(const convert_options *options, ul_error *error);

/* Writes --label-table where it is asked for. */
ul_status convert_write_table(
    const convert_options *options, const ul_segments *segments, ul_error *error);

/* Writes to a NIfTI or NRRD file, or labels to a PNG, as path ends; errors as of ul_nifti_write. */
ul_status convert_write_labels(const char *path, const ul_labels *labels, ul_error *error);
ul_status convert_write_volume(const char *path, const ul_volume *volume, ul_error *error);

/* Says a note, and keeps it for the report. */
void convert_note(const convert_options *options, const char *text);

/* Says and keeps notes (lines, may be NULL) and frees them. */
void convert_notes(const convert_options *options, char *notes);

/* Keeps for the report that the file at path was written, on a grid; with segments (may be NULL).
 */
void convert_wrote(const convert_options *options, const char *path, const ul_grid *grid,
    const ul_segments *segments);

/* Keeps that a file beside an image was written. */
void convert_wrote_beside(const convert_options *options, const char *path);

/* Keeps of what was kept last that it holds several volumes, so many seconds (0: unknown) apart. */
void convert_wrote_frames(const convert_options *options, size_t count, double step_s);

/* UL_OK where path may be written: it is nothing that is read. Else UL_ERROR_USAGE. catalog: the
 * images, or NULL. */
ul_status convert_check_output(
    const convert_options *options, const ul_catalog *catalog, const char *path, ul_error *error);

/* Writes labels, which lie on source's slices or an even grid of their own, as a SEG or, as -o
 * ends, an RT Structure Set. */
ul_status convert_write_seg(const convert_options *options, const ul_catalog *catalog,
    const ul_labels *labels, const ul_series *source, ul_seg_type type, ul_error *error);

/* Writes the report of what the segments measure, on the SEG at seg, which holds the labels; they
 * lie on source's slices, or on an even grid of their own. Errors: as of ul_series_read,
 * ul_sr_write. */
ul_status convert_write_sr(const convert_options *options, const ul_catalog *catalog,
    const char *seg, const ul_labels *labels, const ul_series *source, ul_error *error);

/* --type, or what holds the labels without a loss. */
ul_seg_type convert_seg_type(const convert_options *options, const ul_labels *labels);

/* Whether the file at path can hold the labels of a NIfTI or NRRD file. Errors: UL_ERROR_CHOICE
 * (they overlap). */
ul_status convert_check_map(
    const convert_options *options, const ul_labels *labels, const char *path, ul_error *error);

/* Puts labels whose slices are not even on an even grid. An error names the input. */
ul_status convert_make_regular(const convert_options *options, ul_labels *labels, ul_error *error);
