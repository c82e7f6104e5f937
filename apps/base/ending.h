/* How a path ends. */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>

/* Whether something stands before the ending (".nii.gz"), in upper or lower case. */
bool ends_in(const char *path, const char *ending);

#endif
