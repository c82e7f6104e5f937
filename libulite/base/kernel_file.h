/* What the kernel tells in small files of /proc and /sys. */
#ifndef UL_KERNEL_FILE_H
#define UL_KERNEL_FILE_H

#include <stddef.h>

/* The whole numbers that the first line of a file begins with, most of them at most: how many there
 * are, 0 where there is no such file. A word ("max") ends them, and so does one out of range. */
size_t ul_kernel_numbers(const char *path, long long *numbers, size_t most);

#endif
