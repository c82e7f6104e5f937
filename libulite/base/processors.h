/* How many processors this process may use. */
#ifndef UL_PROCESSORS_H
#define UL_PROCESSORS_H

/* Those that it may run on, or fewer where control groups limit its processor time; at least 1. */
int ul_processors(void);

/* Processors that control groups leave, of version 1 or 2, rounded up; 0 where they set no limit.
 * root: prefix of /proc and /sys, "" but for tests. */
int ul_cgroup_processors(const char *root);

#endif
