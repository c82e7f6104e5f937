/* Display colours between sRGB and the CIELab words that DICOM stores. */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>
#include <stdint.h>

UL_BEGIN_C

/* lab: L* 0..100 as 0..65535; a* and b* -128..127 as 0..65535 (PS3.3 C.10.7.1.1). Every sRGB colour
 * comes back as it was. */
void colour_rgb_to_lab(const uint8_t rgb[3], uint16_t lab[3]);
void colour_lab_to_rgb(const uint16_t lab[3], uint8_t rgb[3]);

/* Whether the colour needs the linear part of CIELab near black, which dcmqi, and so 3D Slicer,
 * gets wrong (it divides the integers 16 / 116): it shows a much lighter colour there. */
bool colour_is_dark(const uint16_t lab[3]);

UL_END_C
