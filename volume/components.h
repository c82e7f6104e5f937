/* What happens to labels after the network: plain arrays, no files. */
#ifndef ULITE_COMPONENTS_H
#define ULITE_COMPONENTS_H

#include "ulite/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ul_label_rules {
    bool largest, fill_holes;
    double minimum;
} ul_label_rules;

/* What is done to labels. Components touch by faces, edges or corners, background by faces. */
typedef struct ul_component_rules {
    bool largest;   /* keep the largest component of each label, the first of equal ones */
    double minimum; /* drop components smaller than this */
    const double *voxel_sizes;  /* [slices], what a voxel of each counts; NULL: 1 */
    bool fill_holes;            /* background inside that one label alone encloses becomes it */
    const ul_label_rules *each; /* [each_count] by label, in place of the above; NULL: all alike */
    size_t each_count;          /* labels from here on have the rules of all */
} ul_component_rules;

/* map [size[2]][size[1]][size[0]]. In a single slice holes are those of the plane. Errors:
 * UL_ERROR_LIMIT (memory; map is unchanged or has only some rules applied). */
ul_status ul_components_apply(
    uint16_t *map, const size_t size[3], const ul_component_rules *rules, ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
