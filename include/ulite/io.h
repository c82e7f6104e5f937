/* Volumes and segmentations in and out: this header pulls in the whole interface of io/. */
#ifndef ULITE_IO_H
#define ULITE_IO_H

#include "ulite/align.h"
#include "ulite/card.h"
#include "ulite/dicom.h"
#include "ulite/grid.h"
#include "ulite/nifti.h"
#include "ulite/output.h"
#include "ulite/png_io.h"
#include "ulite/regular.h"
#include "ulite/seg.h"
#include "ulite/segments.h"
#include "ulite/sha256.h"
#include "ulite/volume.h"

#endif
