/* Values of a volume on the scale that a network was trained on. */
#ifndef NORMALISE_H
#define NORMALISE_H

#include "ulite/card.h"
#include "ulite/volume.h"

/* values [k][j][i][channel] of the whole volume, normalised; statistics leave padding out (whose
 * values are normalised like any other). Errors: UL_ERROR_LIMIT. */
ul_status normalise_volume(
    const ul_volume *volume, const ul_normalisation *normalisation, float *values, ul_error *error);

#endif
