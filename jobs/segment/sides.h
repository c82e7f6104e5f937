/* Left and right of paired structures, by the mid-sagittal plane of the labels. */
#pragma once

#include "ulite/volume.h"

/* Puts structures with a left and a right class (mirror partners whose type or region modifier says
 * left and right) on the side that they lie on. The plane is the linear discriminant between the
 * voxels of all left and all right classes, fitted a second time without those that lie on the
 * wrong side of it. Of a connected component of one class that lies by more than half beyond the
 * plane all voxels become its partner's; likewise single voxels that lie beyond it by more than a
 * fifth of the distance of the two sides' centres. Nearer ones keep their class: the fissure is not
 * flat. Nothing changes where no plane can be trusted: without positions, where one side has under
 * a fifth of the other's voxels (half a head), where over a quarter of the voxels lie on the wrong
 * side, or where the plane's normal lies over 60 degrees off the patient's left-right axis.
 * Fractions of partners are exchanged where their labels are. *changed: voxels that were. Errors:
 * UL_ERROR_LIMIT (memory; labels are unchanged). */
ul_status sides_settle(ul_labels *labels, size_t *changed, ul_error *error);

/* The direction to the patient's left by that plane, LPS; false where no plane can be trusted or
 * memory ran out. */
bool sides_find_left(const ul_labels *labels, double left[3]);
