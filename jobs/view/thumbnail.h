/* A small picture of a case. */
#pragma once

#include "jobs/view/middles.h"
#include "ulite/view.h"

#include <stdio.h>

/* Where a page's head begins to tell of its thumbnail, in base64, up to the next quote. */
#define THUMBNAIL_BEGIN "<link rel=\"icon\" href=\"data:image/png;base64,"

enum { THUMBNAIL_PX = 96 }; /* of a plane: three stand side by side */

/* Writes the planes through the middle of the largest segment (of the volume, where there is none)
 * as the icon of a page. middles: [segments]. Errors: UL_ERROR_LIMIT. */
ul_status thumbnail_write(const ul_view *view, const view_middle *middles, const double window[2],
    FILE *file, ul_error *error);
