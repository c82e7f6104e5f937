/* For the .cc files of io/net: DCMTK's secure layer, set up. */
#pragma once

#include "io/net/net.h"

#include <memory>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmtls/tlslayer.h>

/* role: NET_ACCEPTOR or NET_REQUESTOR. Throws Failure. */
std::unique_ptr<DcmTLSTransportLayer> net_tls_layer(const net_tls &tls, T_ASC_NetworkRole role);
