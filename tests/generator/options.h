/* What the command line of ulite-make-series asks for. */
#pragma once

#include "vec3.h"

#include <set>
#include <string>
#include <vector>

/* KEYWORD=VALUE or KEYWORD, for all instances or for those listed (counted from 1 as written). */
struct header_change {
    std::string keyword, value;
    bool remove;
    std::set<unsigned> instances;
};

struct options {
    std::string source, output, truth;
    std::string identity; /* everything that was asked for: UIDs are hashed from it */

    /* the cut */
    std::string box, box_mm, around; /* at most one; empty: the whole volume */
    double margin_mm = 0;
    vec3 extent_mm = {0, 0, 0};
    std::string plane = "axial", position = "HFS";
    bool flip_columns = false, flip_rows = false, transpose = false, reversed = false;
    vec3 rotation = {0, 0, 0}; /* degrees about L, P, S */
    double tilt = 0;           /* degrees */
    double spacing_mm[2] = {0, 0};
    std::vector<double> steps_mm; /* cycled; empty: the source's */
    size_t size[3] = {0, 0, 0};   /* columns, rows, slices; 0: what the box holds */
    double thickness_mm = 0, jitter_mm = 0;
    std::set<unsigned> missing, duplicates, clashes; /* slices, counted from 1 */

    /* the values */
    std::string modality = "MR";
    double gain = 1, offset = 0;
    double slope = 1, intercept = 0;
    double philips_slope = 0; /* 0: none */
    bool has_rescale = false, slope_per_slice = false, modality_lut = false;
    unsigned bits_stored = 16, bits_allocated = 16, high_bit = 15;
    bool is_signed = false, junk_bits = false, planar = false;
    bool has_padding = false;
    int padding = 0;
    std::string photometric = "MONOCHROME2";

    /* the objects */
    std::vector<std::string> syntaxes = {"explicit"};
    bool multi_frame = false, no_positions = false, shuffle_frames = false;
    unsigned echoes = 1, times = 1;
    bool localizer = false, phase = false;

    /* the headers */
    int series_number = 1;
    std::string description, study = "1", body_part = "HEAD", charset;
    bool no_meta = false, clutter = false;
    bool no_frame_of_reference = false, anonymised = false, invalid_values = false;
    int cosine_digits = 0; /* 0: all */
    std::string instance_numbers = "right", names = "plain";
    unsigned seed = 1;
    std::vector<header_change> changes;
    std::string truncate, cut_pixels; /* BYTES[@INSTANCE,...] */
    std::string labels;               /* FILE[:LABEL|:any] sampled beside the truth */
};

/* Fills *o from the command line; returns -1 to go on, else the exit code. */
int options_parse(int argc, char **argv, options *o);

/* The bytes of BYTES[@INSTANCE,...] for an instance, from 1; 0 where it is not meant. */
size_t parse_bytes(const std::string &text, unsigned instance);

/* "1,2,5" */
std::set<unsigned> parse_numbers(const std::string &text);
std::vector<double> parse_doubles(const std::string &text, char separator = ',');
