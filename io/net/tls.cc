#include "io/net/tls.h"

#include "io/dicom/header.h"
#include "io/dicom/shim.h"

#include <cstdlib>

std::unique_ptr<DcmTLSTransportLayer> net_tls_layer(const net_tls &tls, T_ASC_NetworkRole role) {
    dcmtk_prepare();
    auto layer = std::make_unique<DcmTLSTransportLayer>(role, nullptr, OFTrue);
    auto need = [](bool good, const char *path, const char *what) {
        if (!good)
            throw Failure(UL_ERROR_INPUT, "%s: cannot be used as %s (PEM)", path, what);
    };
    /* Without a password no console is asked for one. */
    layer->setPrivateKeyPasswd("");
    need(layer->setPrivateKeyFile(tls.key, DCF_Filetype_PEM).good(), tls.key, "the private key");
    need(layer->setCertificateFile(tls.certificate, DCF_Filetype_PEM).good(), tls.certificate,
        "the certificate");
    if (!layer->checkPrivateKeyMatchesCertificate())
        throw Failure(
            UL_ERROR_INPUT, "%s: is not the key of the certificate %s", tls.key, tls.certificate);
    need(layer->addTrustedCertificateFile(tls.trusted, DCF_Filetype_PEM).good(), tls.trusted,
        "the trusted certificates");
    if (layer->setTLSProfile(TSP_Profile_BCP195).bad() || layer->activateCipherSuites().bad())
        throw Failure(UL_ERROR_UNSUPPORTED, "this DCMTK cannot serve TLS by BCP 195");
    layer->setCertificateVerification(DCV_requireCertificate);
    return layer;
}

ul_status net_tls_check(const net_tls *tls, ul_error *error) {
    return shim_guard(nullptr, error, [&] {
        net_tls_layer(*tls, NET_ACCEPTOR);
        return UL_OK;
    });
}

ul_status net_prepare(ul_error *error) {
    /* DCMTK sends a message in small parts, of which the system would hold back the last one for
     * 40 ms. */
    setenv("TCP_NODELAY", "1", 0);
    return dcmtk_prepare_all(error);
}
