/* One-time preparation of DCMTK. */
#ifndef DCMTK_PREPARE_H
#define DCMTK_PREPARE_H

#include "ulite/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Silences DCMTK's log, registers its decoders and has it read what writers get wrong; cheap after
 * the first call, from any thread. */
void dcmtk_prepare(void);

/* The same for C. Errors: UL_ERROR_LIMIT. */
ul_status dcmtk_prepare_all(ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
