/* ulite-make-series: DICOM series for tests, demo and trials, cut from a real volume. */
#include "series.h"

#include "dcmtk/oflog/oflog.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

/* Axial, coronal and sagittal images through the middle, as a scout has them. */
static std::vector<layout> make_localizers(const source_volume &source, const options &o) {
    std::vector<layout> localizers;
    if (!o.localizer)
        return localizers;
    for (const char *plane : {"coronal", "sagittal"}) {
        options scout;
        scout.plane = plane;
        scout.size[0] = scout.size[1] = o.multi_frame ? 64 : 48;
        layout all = layout_make(source, scout);
        all.kept = {(unsigned)all.origins.size() / 2};
        localizers.push_back(all);
    }
    return localizers;
}

static void put_pixels(
    DcmDataset *dataset, std::vector<uint8_t> bytes, unsigned number, const options &o) {
    bytes.resize(bytes.size() - std::min(bytes.size(), parse_bytes(o.cut_pixels, number)));
    if (bytes.size() % 2)
        bytes.push_back(0);
    if (pixels_channels(o) == 3 || o.bits_allocated == 8)
        dataset->putAndInsertUint8Array(DCM_PixelData, bytes.data(), bytes.size());
    else /* little-endian bytes are what DCMTK holds on the machines that we build for */
        dataset->putAndInsertUint16Array(
            DCM_PixelData, reinterpret_cast<const Uint16 *>(bytes.data()), bytes.size() / 2);
}

static void save(DcmFileFormat *file, const image &what, const options &o) {
    std::string path = o.output + "/" + what.file;
    faults_apply(file->getDataset(), what.number, o);
    syntax_save(file, o.syntaxes[(what.number - 1) % o.syntaxes.size()], path, !o.no_meta);
    if (size_t keep = parse_bytes(o.truncate, what.number))
        std::filesystem::resize_file(path, keep);
}

/* What stands between the images on exported media. */
static void write_clutter(const std::string &folder) {
    static const struct {
        const char *name, *text;
    } files[] = {{"DICOMDIR", "not a real one"}, {"README.TXT", "Viewer: run AUTORUN.EXE\n"},
        {"Thumbs.db", ""}, {".hidden", "\001\002\003"}, {"report.dcm", "no DICOM inside"}};
    for (const auto &one : files)
        std::ofstream(folder + "/" + one.name) << one.text;
}

static void write_series(const options &o) {
    source_volume source = source_read(o.source);
    layout l = layout_make(source, o);
    std::vector<layout> localizers = make_localizers(source, o);
    std::vector<image> images = series_images(l, localizers, o);
    std::filesystem::create_directories(o.output);

    bool keep = !o.truth.empty() || o.multi_frame;
    std::vector<pixels> frames(keep ? images.size() : 0);
    for (size_t n = 0; n < images.size(); n++) {
        pixels p = pixels_make(source, *images[n].where, images[n].slice, images[n].which, o);
        if (!o.multi_frame) {
            DcmFileFormat file;
            header_fill(file.getDataset(), o);
            header_fill_image(file.getDataset(), images[n], p, o);
            put_pixels(file.getDataset(), p.bytes, images[n].number, o);
            save(&file, images[n], o);
        }
        if (keep)
            frames[n] = std::move(p);
    }
    if (o.multi_frame) {
        DcmFileFormat file;
        header_fill(file.getDataset(), o);
        multiframe_fill(file.getDataset(), images, frames, o);
        std::vector<uint8_t> bytes;
        for (const pixels &p : frames)
            bytes.insert(bytes.end(), p.bytes.begin(), p.bytes.end());
        put_pixels(file.getDataset(), bytes, 1, o);
        save(&file, images[0], o);
    }
    if (o.clutter)
        write_clutter(o.output);
    if (!o.truth.empty())
        truth_write(images, frames, o);
}

int main(int argc, char **argv) {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    try {
        options o;
        int done = options_parse(argc, argv, &o);
        if (done >= 0)
            return done;
        write_series(o);
        return 0;
    } catch (const std::exception &e) {
        fprintf(stderr, "ulite-make-series: %s\n", e.what());
        return 3;
    }
}
