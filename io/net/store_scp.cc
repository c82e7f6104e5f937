#include "io/net/store_scp.h"

#include "io/dicom/header.h"
#include "io/dicom/shim.h"
#include "io/net/received_file.h"
#include "io/net/tls.h"

#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <unistd.h>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/dimse.h>
#include <dcmtk/dcmnet/diutil.h>

namespace {

/* What the readers take, in the order in which one of those proposed is taken: as the peer has it
 * where it proposes them one by one. */
const char *const syntaxes[] = {UID_LittleEndianExplicitTransferSyntax,
    UID_LittleEndianImplicitTransferSyntax, UID_JPEGLSLosslessTransferSyntax,
    UID_JPEG2000LosslessOnlyTransferSyntax, UID_JPEGProcess14SV1TransferSyntax,
    UID_JPEGProcess14TransferSyntax, UID_RLELosslessTransferSyntax,
    UID_DeflatedExplicitVRLittleEndianTransferSyntax, UID_BigEndianExplicitTransferSyntax,
    UID_JPEGLSLossyTransferSyntax, UID_JPEG2000TransferSyntax, UID_JPEGProcess2_4TransferSyntax,
    UID_JPEGProcess1TransferSyntax};

/* What a peer says gets into logs. */
void make_printable(char *text) {
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

constexpr int LOOK_SECONDS = 2;
constexpr uint64_t SLOWEST_BYTES_PER_SECOND = 64 << 10;

/* One connection, from the first byte to the last. */
class Session {
  public:
    Session(int connected, const net_server &served, net_session &told)
        : socket(connected), server(served), session(told) {
    }
    ~Session();
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    void negotiate();
    void serve();

  private:
    int socket;
    const net_server &server;
    net_session &session;
    std::unique_ptr<DcmTLSTransportLayer> layer;
    T_ASC_Network *network = nullptr;
    T_ASC_Association *association = nullptr;

    /* DCMTK waits for the rest of a PDU byte by byte: the process ends where that takes too long.
     */
    void wind() const {
        alarm(static_cast<unsigned>(server.idle_seconds) + 1);
    }
    [[noreturn]] void reject(T_ASC_RejectParametersResult result,
        T_ASC_RejectParametersReason reason, ul_status status, const char *why);
    [[noreturn]] void abort(ul_status status, const char *why);
    OFCondition wait_for_command(T_ASC_PresentationContextID &context, T_DIMSE_Message &message);
    bool next_command();
    void echo(const T_DIMSE_C_EchoRQ &request, T_ASC_PresentationContextID context);
    void store(T_DIMSE_C_StoreRQ &request, T_ASC_PresentationContextID context);
    Uint16 take(const char *path, ReceivedFile &file, const T_DIMSE_C_StoreRQ &request);
    void read_data(T_ASC_PresentationContextID context, ReceivedFile &file);
};

Session::~Session() {
    alarm(0);
    if (association) {
        ASC_dropSCPAssociation(association, 1);
        ASC_destroyAssociation(&association);
    } else if (!network) {
        close(socket);
    }
    if (network)
        ASC_dropNetwork(&network);
}

void Session::reject(T_ASC_RejectParametersResult result, T_ASC_RejectParametersReason reason,
    ul_status status, const char *why) {
    const T_ASC_RejectParameters parameters = {result, ASC_SOURCE_SERVICEUSER, reason};
    ASC_rejectAssociation(association, &parameters);
    throw Failure(status, "%s", why);
}

void Session::abort(ul_status status, const char *why) {
    shutdown(socket, SHUT_RD); /* else DCMTK waits for the peer to close */
    ASC_abortAssociation(association);
    throw Failure(status, "%s", why);
}

void Session::negotiate() {
    wind();
    dcmDisableGethostbyaddr.set(OFTrue);
    dcmExternalSocketHandle.set(socket);
    dcmSocketReceiveTimeout.set(server.idle_seconds);
    dcmSocketSendTimeout.set(server.idle_seconds);
    if (ASC_initializeNetwork(NET_ACCEPTOR, 0, server.idle_seconds, &network).bad())
        throw Failure(UL_ERROR_LIMIT, "the connection cannot be set up");
    if (server.tls) {
        layer = net_tls_layer(*server.tls, NET_ACCEPTOR);
        ASC_setTransportLayer(network, layer.get(), 0);
    }
    OFCondition got = ASC_receiveAssociation(network, &association, ASC_MAXIMUMPDUSIZE, nullptr,
        nullptr, server.tls ? OFTrue : OFFalse, DUL_NOBLOCK, server.idle_seconds);
    if (got.bad())
        throw Failure(UL_ERROR_INPUT, "no association: %s", got.text());
    if (!association)
        throw Failure(UL_ERROR_INPUT, "no association");
    char called[NET_AE_BYTES] = "", responding[NET_AE_BYTES];
    ASC_getAPTitles(association->params, session.calling_ae, sizeof session.calling_ae, called,
        sizeof called, responding, sizeof responding);
    make_printable(session.calling_ae);
    if (!*called && !*session.calling_ae)
        throw Failure(UL_ERROR_INPUT, "the connection was closed before an association");
    if (server.full)
        reject(ASC_RESULT_REJECTEDTRANSIENT, ASC_REASON_SU_NOREASON, UL_ERROR_LIMIT,
            "refused: as many associations as are allowed are open");
    if (strcmp(called, server.ae_title) != 0)
        reject(ASC_RESULT_REJECTEDPERMANENT, ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED,
            UL_ERROR_USAGE, "refused: called by another AE title");
    if (!server.knows(server.context, session.calling_ae))
        reject(ASC_RESULT_REJECTEDPERMANENT, ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED,
            UL_ERROR_USAGE, "refused: this AE title is not accepted from this host");
    const char *verification[] = {UID_VerificationSOPClass};
    const char *proposed[sizeof syntaxes / sizeof *syntaxes];
    memcpy(proposed, syntaxes, sizeof syntaxes);
    const int count = static_cast<int>(sizeof syntaxes / sizeof *syntaxes);
    if (ASC_acceptContextsWithPreferredTransferSyntaxes(
            association->params, verification, 1, proposed, count)
            .bad() ||
        ASC_acceptContextsWithPreferredTransferSyntaxes(association->params,
            dcmAllStorageSOPClassUIDs, numberOfDcmAllStorageSOPClassUIDs, proposed, count)
            .bad() ||
        ASC_acknowledgeAssociation(association).bad())
        throw Failure(UL_ERROR_INPUT, "the association cannot be agreed on");
}

void Session::serve() {
    while (next_command())
        continue;
}

/* Waits for a command as long as a peer may be silent, and looks now and then whether to stop. */
OFCondition Session::wait_for_command(
    T_ASC_PresentationContextID &context, T_DIMSE_Message &message) {
    OFCondition got = DIMSE_NODATAAVAILABLE;
    for (int waited = 0; got == DIMSE_NODATAAVAILABLE && waited < server.idle_seconds;
         waited += LOOK_SECONDS) {
        if (*server.stop)
            abort(UL_ERROR_INTERRUPTED, "aborted: the node stops");
        wind();
        got = DIMSE_receiveCommand(
            association, DIMSE_NONBLOCKING, LOOK_SECONDS, &context, &message, nullptr);
    }
    return got;
}

/* False: the peer has released. */
bool Session::next_command() {
    T_ASC_PresentationContextID context = 0;
    T_DIMSE_Message message;
    OFCondition got = wait_for_command(context, message);
    if (got == DUL_PEERREQUESTEDRELEASE) {
        ASC_acknowledgeRelease(association);
        return false;
    }
    if (got == DUL_PEERABORTEDASSOCIATION)
        throw Failure(UL_ERROR_INPUT, "aborted by the peer");
    if (got == DIMSE_NODATAAVAILABLE)
        abort(UL_ERROR_LIMIT, "aborted: the peer is silent");
    if (got.bad())
        abort(UL_ERROR_INPUT, "aborted: no command that can be read");
    if (message.CommandField == DIMSE_C_ECHO_RQ)
        echo(message.msg.CEchoRQ, context);
    else if (message.CommandField == DIMSE_C_STORE_RQ)
        store(message.msg.CStoreRQ, context);
    else
        abort(UL_ERROR_INPUT, "aborted: a command that is neither C-STORE nor C-ECHO");
    return true;
}

void Session::echo(const T_DIMSE_C_EchoRQ &request, T_ASC_PresentationContextID context) {
    if (DIMSE_sendEchoResponse(association, context, &request, STATUS_Success, nullptr).bad())
        throw Failure(UL_ERROR_INPUT, "broken connection");
}

void Session::store(T_DIMSE_C_StoreRQ &request, T_ASC_PresentationContextID context) {
    char path[4096];
    ul_error why = {};
    if (session.received + session.refused >= server.max_objects)
        abort(UL_ERROR_LIMIT, "aborted: more objects than an association may have");
    bool room = server.incoming(server.context, path, sizeof path, &why) == UL_OK;
    ReceivedFile file(room ? path : nullptr, request, association, context);
    read_data(context, file);
    T_DIMSE_C_StoreRSP response = {};
    response.DimseStatus = take(path, file, request);
    response.MessageIDBeingRespondedTo = request.MessageID;
    response.DataSetType = DIMSE_DATASET_NULL;
    response.opts = O_STORE_AFFECTEDSOPCLASSUID | O_STORE_AFFECTEDSOPINSTANCEUID;
    OFStandard::strlcpy(response.AffectedSOPClassUID, request.AffectedSOPClassUID, sizeof(DIC_UI));
    OFStandard::strlcpy(
        response.AffectedSOPInstanceUID, request.AffectedSOPInstanceUID, sizeof(DIC_UI));
    (response.DimseStatus == STATUS_Success ? session.received : session.refused)++;
    if (DIMSE_sendStoreResponse(association, context, &request, &response, nullptr).bad())
        throw Failure(UL_ERROR_INPUT, "broken connection");
}

/* The status of the response: after success the object is on stable storage, else it is gone. */
Uint16 Session::take(const char *path, ReceivedFile &file, const T_DIMSE_C_StoreRQ &request) {
    net_object object;
    if (!file.finish())
        return STATUS_STORE_Refused_OutOfResources;
    if (!received_identity(path, &object))
        return STATUS_STORE_Error_CannotUnderstand;
    if (strcmp(object.instance_uid, request.AffectedSOPInstanceUID) != 0)
        return STATUS_STORE_Error_DataSetDoesNotMatchSOPClass;
    ul_error why = {};
    object.bytes = file.size();
    if (server.received(server.context, path, &object, &why) != UL_OK)
        return STATUS_STORE_Refused_OutOfResources;
    file.keep();
    session.bytes += object.bytes;
    return STATUS_Success;
}

/* Reads the data set of an object into the file. */
void Session::read_data(T_ASC_PresentationContextID context, ReceivedFile &file) {
    const time_t start = time(nullptr);
    DUL_PDV pdv = {};
    do {
        wind();
        OFCondition got = DUL_NextPDV(&association->DULassociation, &pdv);
        if (got.bad()) {
            if (!ASC_dataWaiting(association, server.idle_seconds))
                abort(UL_ERROR_LIMIT, "aborted: the peer is silent");
            got = DUL_ReadPDVs(
                &association->DULassociation, nullptr, DUL_NOBLOCK, server.idle_seconds);
            if (got == DUL_PDATAPDUARRIVED)
                got = DUL_NextPDV(&association->DULassociation, &pdv);
        }
        if (got.bad())
            throw Failure(UL_ERROR_INPUT, "broken connection within an object");
        if (pdv.pdvType != DUL_DATASETPDV || pdv.presentationContextID != context)
            abort(UL_ERROR_INPUT, "aborted: no data set behind a C-STORE");
        file.write(pdv.data, pdv.fragmentLength);
        if (file.size() > server.max_object_bytes)
            abort(UL_ERROR_LIMIT, "aborted: an object that is larger than allowed");
        if (uint64_t(time(nullptr) - start) >
            uint64_t(server.idle_seconds) + file.size() / SLOWEST_BYTES_PER_SECOND)
            abort(UL_ERROR_LIMIT, "aborted: an object comes too slowly");
    } while (!pdv.lastPDV);
}

} // namespace

ul_status net_serve(int socket, const net_server *server, net_session *session, ul_error *error) {
    *session = {};
    ul_status status = shim_guard(nullptr, error, [&] {
        dcmtk_prepare();
        Session one(socket, *server, *session);
        one.negotiate();
        one.serve();
        return UL_OK;
    });
    if (status != UL_OK && error)
        make_printable(error->text);
    return status;
}
