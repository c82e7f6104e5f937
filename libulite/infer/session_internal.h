/* What tests and measurements may do to a session that users may not. */
#pragma once

#include "libulite/infer/infer.h"
#include "ulite/session.h"

/* From now on, runs report to probe, which must live as long; NULL stops it. */
void ul_session_set_probe(ul_session *session, const ul_probe *probe);

const ul_model_shape *ul_session_shape(const ul_session *session);
size_t ul_session_pixels(const ul_session *session); /* of a slice */
size_t ul_session_planes(const ul_session *session); /* of an input slice: 1 where grey */
