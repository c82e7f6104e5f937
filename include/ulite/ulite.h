/* libulite: the U-Lite network on the CPU. This header pulls in the whole public interface. */
#ifndef ULITE_ULITE_H
#define ULITE_ULITE_H

#include "ulite/bench.h"
#include "ulite/components.h"
#include "ulite/model.h"
#include "ulite/output.h"
#include "ulite/session.h"
#include "ulite/status.h"
#include "ulite/team.h"
#include "ulite/train.h"

#endif
