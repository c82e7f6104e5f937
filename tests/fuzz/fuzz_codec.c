/* The decoders of compressed frames. Eight bytes choose the syntax and the header's numbers, the
 * frame follows. */
#include "io/pixels/codec.h"

#include "fuzz_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICE_BYTES = 8 };

static const char *const syntaxes[] = {"1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55",
    "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.8.1"};

static dicom_layout layout_of(const uint8_t *choice) {
    static const struct {
        dicom_photometric photometric;
        const char *name;
    } kinds[] = {{DICOM_MONOCHROME2, "MONOCHROME2"}, {DICOM_MONOCHROME1, "MONOCHROME1"},
        {DICOM_RGB, "RGB"}, {DICOM_YBR_FULL, "YBR_FULL"}, {DICOM_YBR_FULL_422, "YBR_FULL_422"},
        {DICOM_YBR_ICT, "YBR_ICT"}, {DICOM_YBR_RCT, "YBR_RCT"}, {DICOM_PALETTE, "PALETTE COLOR"}};
    static const unsigned bits[] = {8, 16, 32, 8};
    dicom_layout layout = {.frames = 1, .encapsulated = true};
    layout.rows = 1 + choice[1];
    layout.columns = 1 + choice[2];
    layout.samples = choice[3] & 1 ? 3 : 1;
    layout.planar = choice[3] & 2;
    layout.is_signed = choice[3] & 4;
    layout.bits_allocated = bits[choice[4] & 3];
    layout.bits_stored = choice[4] & 4 ? layout.bits_allocated : layout.bits_allocated * 3 / 4;
    layout.high_bit = layout.bits_stored - 1;
    layout.photometric = kinds[choice[5] & 7].photometric;
    snprintf(
        layout.photometric_name, sizeof layout.photometric_name, "%s", kinds[choice[5] & 7].name);
    return layout;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < CHOICE_BYTES)
        return 0;
    dicom_layout layout = layout_of(data);
    size -= CHOICE_BYTES;
    uint8_t *bytes = malloc(size + 1);
    fuzz_check(bytes != NULL);
    memcpy(bytes, data + CHOICE_BYTES, size);
    bytes[size] = 0; /* to an even count, as files have it */
    const char *syntax = syntaxes[data[0] % (sizeof syntaxes / sizeof syntaxes[0])];
    codec_frame frame = {&layout, syntax, bytes, size};
    codec_output output = {
        .size = layout.rows * layout.columns * layout.samples * (layout.bits_allocated / 8)};
    output.samples = malloc(output.size);
    fuzz_check(output.samples != NULL);
    ul_error error = {0};
    fuzz_check_error(codec_find(syntax)(&frame, &output, &error), &error);
    free(output.samples);
    free(bytes);
    return 0;
}
