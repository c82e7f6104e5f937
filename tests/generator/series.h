/* The images of a series and the files that hold them. */
#pragma once

#include "pixels.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"

/* One image: a slice of a layout, in a file of its own or a frame of a multi-frame object. */
struct image {
    const layout *where;
    unsigned slice; /* of the layout, from 0 */
    variant which;
    bool localizer, repeated; /* repeated: the same object again, under another file name */
    unsigned number;          /* as written, from 1 */
    std::string file, sop_instance_uid;
    unsigned frame; /* from 1; 0 in a file of its own */
};

/* All images of the series in the order of acquisition. */
std::vector<image> series_images(
    const layout &l, const std::vector<layout> &localizers, const options &o);

/* A UID made of a hash of what was asked for and a text. */
std::string series_uid(const options &o, const std::string &text);
std::string uid_of(const std::string &text);

/* An object without pixels: everything that all images share. */
void header_fill(DcmDataset *dataset, const options &o);
/* What one single-frame image has of its own, and its pixels. */
void header_fill_image(DcmDataset *dataset, const image &what, const pixels &p, const options &o);
/* Philips's private scale slope, where one is asked for. */
void header_fill_philips(DcmItem *item, const options &o);
void header_fill_pixel_module(DcmItem *item, const layout &l, const options &o);

/* Places as DICOM writes them. */
std::string text_of(double value);
std::string text_of_position(const image &what, const options &o);
std::string text_of_cosines(const layout &l, const options &o);

/* One multi-frame object with all images. */
void multiframe_fill(DcmDataset *dataset, const std::vector<image> &images,
    const std::vector<pixels> &frames, const options &o);

/* The faults asked for, number: the instance, from 1. */
void faults_apply(DcmDataset *dataset, unsigned number, const options &o);

/* Writes the object in a transfer syntax. Throws std::runtime_error. */
void syntax_check(const std::string &name);
void syntax_save(
    DcmFileFormat *file, const std::string &syntax, const std::string &path, bool with_meta);
std::string syntax_names();

/* Sidecars of --truth. */
void truth_write(
    const std::vector<image> &images, const std::vector<pixels> &frames, const options &o);
