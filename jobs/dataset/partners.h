/* Classes that are one structure on both sides of the body. */
#pragma once

#include "ulite/volume.h"

/* Makes mirror partners of classes whose labels are alike but for the side: "left" and "right"
 * wherever they stand, "L" and "R", "LH" and "RH" as words. Those that have a partner keep it. */
void partners_find(ul_segments *classes);
