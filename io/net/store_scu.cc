#include "io/net/store_scu.h"

#include "io/dicom/header.h"
#include "io/dicom/shim.h"
#include "io/net/tls.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/scu.h>

namespace {

/* DCMTK lends its secure layer to heirs only. */
class Sender : public DcmSCU {
  public:
    using DcmSCU::useSecureConnection;
};

using Kind = std::pair<std::string, std::string>; /* SOP class, transfer syntax */

Kind kind_of(const char *path) {
    DcmMetaInfo meta;
    OFString object_class, syntax;
    DcmFileFormat file;
    if (file.loadFile(path, EXS_Unknown, EGL_noChange, 256, ERM_metaOnly).bad() ||
        file.getMetaInfo()->findAndGetOFString(DCM_MediaStorageSOPClassUID, object_class).bad() ||
        file.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, syntax).bad())
        throw Failure(UL_ERROR_INPUT, "%s: is no DICOM file with a meta header", path);
    return {object_class.c_str(), syntax.c_str()};
}

/* What is not compressed may also go in the syntax that every AE takes. */
void propose(Sender &sender, const std::vector<std::string> &paths) {
    std::set<Kind> kinds;
    for (const std::string &path : paths) {
        Kind kind = kind_of(path.c_str());
        kinds.insert(kind);
        if (kind.second == UID_LittleEndianExplicitTransferSyntax)
            kinds.insert({kind.first, UID_LittleEndianImplicitTransferSyntax});
    }
    for (const Kind &kind : kinds) {
        OFList<OFString> syntax;
        syntax.push_back(kind.second.c_str());
        sender.addPresentationContext(kind.first.c_str(), syntax);
    }
}

void prepare(Sender &sender, const net_peer &peer, DcmTLSTransportLayer *layer) {
    dcmSocketReceiveTimeout.set(peer.seconds);
    dcmSocketSendTimeout.set(peer.seconds);
    dcmDisableGethostbyaddr.set(OFTrue);
    sender.setAETitle(peer.calling_ae);
    sender.setPeerAETitle(peer.ae_title);
    sender.setPeerHostName(peer.host);
    sender.setPeerPort(static_cast<Uint16>(peer.port));
    sender.setACSETimeout(static_cast<Uint32>(peer.seconds));
    sender.setConnectionTimeout(peer.seconds);
    sender.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
    sender.setDIMSETimeout(static_cast<Uint32>(peer.seconds));
    sender.setDatasetConversionMode(OFTrue);
    sender.setProgressNotificationMode(OFFalse);
    OFCondition ready = sender.initNetwork();
    if (ready.good() && layer)
        ready = sender.useSecureConnection(layer);
    if (ready.good())
        ready = sender.negotiateAssociation();
    if (ready.bad() && ready != NET_EC_NoAcceptablePresentationContexts)
        throw Failure(UL_ERROR_OUTPUT, "no association: %s", ready.text());
}

/* UL_OK where the peer has taken the file; why: else what it says. Throws Failure where it says
 * nothing. */
ul_status store_one(Sender &sender, const std::string &path, char (&why)[64]) {
    Uint16 status = 0xffff;
    OFCondition done = sender.isConnected()
                           ? sender.sendSTORERequest(0, path.c_str(), nullptr, status)
                           : OFCondition(NET_EC_NoAcceptablePresentationContexts);
    if (done == NET_EC_NoAcceptablePresentationContexts ||
        done == DIMSE_NOVALIDPRESENTATIONCONTEXTID)
        snprintf(why, sizeof why, "refused: the peer does not take this kind of object");
    else if (done.bad())
        throw Failure(UL_ERROR_OUTPUT, "broken connection: %s", done.text());
    else if (status == STATUS_Success || (status & 0xf000) == 0xb000)
        return UL_OK;
    else
        snprintf(why, sizeof why, "refused with status %04x", unsigned(status));
    return UL_ERROR_OUTPUT;
}

} // namespace

ul_status net_store(const net_peer *peer, const char *const *paths, size_t count, net_sent *sent,
    void *context, ul_error *error) {
    return shim_guard(nullptr, error, [&] {
        dcmtk_prepare();
        std::vector<std::string> files(paths, paths + count);
        std::unique_ptr<DcmTLSTransportLayer> layer;
        if (peer->tls)
            layer = net_tls_layer(*peer->tls, NET_REQUESTOR);
        Sender sender;
        propose(sender, files);
        prepare(sender, *peer, layer.get());
        for (size_t i = 0; i < count; i++) {
            char why[64] = "";
            ul_status status = store_one(sender, files[i], why);
            if (!sent(context, i, status, why))
                break;
        }
        if (sender.isConnected())
            sender.releaseAssociation();
        return UL_OK;
    });
}
