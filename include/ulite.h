/* ulite, whole: the U-Lite network (error .. trainer: library ulite), and images, labels and jobs
 * around it (library ulite-imaging). */
#ifndef ULITE_H
#define ULITE_H

#include "ulite/capture.h"
#include "ulite/card.h"
#include "ulite/cohort.h"
#include "ulite/dicom.h"
#include "ulite/error.h"
#include "ulite/evaluate.h"
#include "ulite/frames.h"
#include "ulite/model.h"
#include "ulite/nifti.h"
#include "ulite/nrrd.h"
#include "ulite/png.h"
#include "ulite/resources.h"
#include "ulite/rtstruct.h"
#include "ulite/seg.h"
#include "ulite/segment.h"
#include "ulite/session.h"
#include "ulite/sr.h"
#include "ulite/train.h"
#include "ulite/trainer.h"
#include "ulite/view.h"
#include "ulite/volume.h"

#endif
