/* For the .cc files of io/net: the file that an object is received into. */
#pragma once

#include "io/net/store_scp.h"

#include <string>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/dimse.h>

/* A file of PS3.10 with the bytes of a data set as they come. It is deleted unless kept. */
class ReceivedFile {
  public:
    /* path: nullptr where what comes is thrown away. */
    ReceivedFile(const char *path, const T_DIMSE_C_StoreRQ &request,
        const T_ASC_Association *association, T_ASC_PresentationContextID context);
    ~ReceivedFile();
    ReceivedFile(const ReceivedFile &) = delete;
    ReceivedFile &operator=(const ReceivedFile &) = delete;

    void write(const void *data, size_t count);
    bool finish(); /* whether all of it is on the disk */
    void keep() {
        name.clear();
    }
    uint64_t size() const { /* of the data set, whether it was written or not */
        return bytes;
    }

  private:
    std::string name;
    int file = -1;
    uint64_t bytes = 0;
    bool good = false;
};

/* The UIDs of a file; false where it cannot be read or they cannot be used. */
bool received_identity(const char *path, net_object *object);
