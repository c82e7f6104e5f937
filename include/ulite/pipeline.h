/* Whole jobs over io and libulite. */
#ifndef ULITE_PIPELINE_H
#define ULITE_PIPELINE_H

#include "ulite/io.h"
#include "ulite/metrics.h"
#include "ulite/preview.h"
#include "ulite/quality.h"
#include "ulite/segment.h"
#include "ulite/stats.h"

#endif
