#include "series.h"

#include <algorithm>
#include <random>
#include <stdexcept>

/* FNV-1a, 64 bits. */
static uint64_t hash(const std::string &text, uint64_t state) {
    for (unsigned char c : text)
        state = (state ^ c) * 1099511628211u;
    return state;
}

std::string uid_of(const std::string &text) {
    uint64_t high = hash(text, 14695981039346656037u);
    uint64_t low = hash(text, high);
    return "2.25." + std::to_string(high >> 2) + std::to_string(low >> 2);
}

std::string series_uid(const options &o, const std::string &text) {
    return uid_of(o.identity + '/' + text);
}

static image image_of(const layout &l, unsigned slice, const variant &which) {
    image one = {};
    one.where = &l;
    one.slice = slice;
    one.which = which;
    return one;
}

/* The slices of one volume, with the duplicates asked for. */
static void add_volume(
    const layout &l, const variant &which, const options &o, std::vector<image> *images) {
    for (unsigned slice : l.kept) {
        images->push_back(image_of(l, slice, which));
        if (o.duplicates.count(slice + 1)) {
            images->push_back(image_of(l, slice, which));
            images->back().repeated = true;
        }
        if (o.clashes.count(slice + 1)) {
            images->push_back(image_of(l, slice, which));
            images->back().which.altered = true;
        }
    }
}

/* File names: IM0001.dcm, or as a PACS exports them. */
static void name_files(std::vector<image> *images, const options &o) {
    std::mt19937 random(o.seed);
    std::vector<unsigned> order(images->size());
    for (unsigned n = 0; n < order.size(); n++)
        order[n] = n;
    if (o.names == "random")
        std::shuffle(order.begin(), order.end(), random);
    else if (o.names != "plain")
        throw std::runtime_error("--names takes plain or random, not \"" + o.names + "\"");
    for (unsigned n = 0; n < order.size(); n++) {
        char name[64];
        if (o.names == "random")
            snprintf(name, sizeof name, "%08X", (unsigned)(order[n] * 2654435761u + o.seed));
        else
            snprintf(name, sizeof name, "S%02dIM%04u.dcm", o.series_number, n + 1);
        (*images)[n].file = name;
    }
}

std::vector<image> series_images(
    const layout &l, const std::vector<layout> &localizers, const options &o) {
    std::vector<image> images;
    for (const layout &where : localizers)
        for (unsigned slice : where.kept) {
            images.push_back(image_of(where, slice, variant()));
            images.back().localizer = true;
        }
    for (unsigned time = 0; time < o.times; time++)
        for (unsigned echo = 0; echo < o.echoes; echo++)
            for (int phase = 0; phase <= (int)o.phase; phase++) {
                variant which;
                which.echo = echo;
                which.time = time;
                which.phase = phase != 0;
                add_volume(l, which, o, &images);
            }
    if (o.shuffle_frames) {
        std::mt19937 random(o.seed);
        std::shuffle(images.begin(), images.end(), random);
    }
    for (unsigned n = 0; n < images.size(); n++) {
        images[n].number = n + 1;
        images[n].frame = o.multi_frame ? n + 1 : 0;
        bool again = images[n].repeated && n > 0 && !o.multi_frame;
        images[n].sop_instance_uid = again ? images[n - 1].sop_instance_uid
                                     : o.multi_frame
                                         ? series_uid(o, "object")
                                         : series_uid(o, "image " + std::to_string(n + 1));
    }
    name_files(&images, o);
    if (o.multi_frame)
        for (image &one : images)
            one.file = images[0].file;
    return images;
}
