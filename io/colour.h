/* Display colours between sRGB and the CIELab words that DICOM stores. */
#ifndef COLOUR_H
#define COLOUR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* lab: L* 0..100 as 0..65535; a* and b* -128..127 as 0..65535 (PS3.3 C.10.7.1.1). Every sRGB colour
 * comes back as it was. */
void colour_rgb_to_lab(const uint8_t rgb[3], uint16_t lab[3]);
void colour_lab_to_rgb(const uint16_t lab[3], uint8_t rgb[3]);

#ifdef __cplusplus
}
#endif
#endif
