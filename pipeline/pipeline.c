#include "ulite/pipeline.h"
