/* pg_library.h: libpq, loaded when the database is PostgreSQL's and not before: with Kerberos, LDAP and the other libraries
 * that it brings along it takes about 4 MiB, which an app on SQLite should not pay. */
#ifndef SO_DB_PG_LIBRARY_H
#define SO_DB_PG_LIBRARY_H

#include <libpq-fe.h>

#include "core/err.h"

/* The functions that are used, by their names after "PQ". */
#define SO_PQ_FUNCTIONS(F)                                                                                                  \
    F(cancel)                                                                                                               \
    F(clear)                                                                                                                \
    F(cmdTuples)                                                                                                            \
    F(connectdbParams)                                                                                                      \
    F(conninfoFree)                                                                                                         \
    F(conninfoParse)                                                                                                        \
    F(consumeInput)                                                                                                         \
    F(enterPipelineMode)                                                                                                    \
    F(errorMessage)                                                                                                         \
    F(escapeIdentifier)                                                                                                     \
    F(exec)                                                                                                                 \
    F(finish)                                                                                                               \
    F(flush)                                                                                                                \
    F(fname)                                                                                                                \
    F(freeCancel)                                                                                                           \
    F(freemem)                                                                                                              \
    F(ftype)                                                                                                                \
    F(getCancel)                                                                                                            \
    F(getResult)                                                                                                            \
    F(getisnull)                                                                                                            \
    F(getlength)                                                                                                            \
    F(getvalue)                                                                                                             \
    F(isBusy)                                                                                                               \
    F(nfields)                                                                                                              \
    F(notifies)                                                                                                             \
    F(ntuples)                                                                                                              \
    F(pipelineSync)                                                                                                         \
    F(resultErrorField)                                                                                                     \
    F(resultStatus)                                                                                                         \
    F(sendPrepare)                                                                                                          \
    F(sendQuery)                                                                                                            \
    F(sendQueryParams)                                                                                                      \
    F(sendQueryPrepared)                                                                                                    \
    F(setNoticeProcessor)                                                                                                   \
    F(setnonblocking)                                                                                                       \
    F(socket)                                                                                                               \
    F(status)                                                                                                               \
    F(transactionStatus)

struct so_pq {
#define SO_PQ_MEMBER(name) __typeof__(PQ##name) *name;
    SO_PQ_FUNCTIONS(SO_PQ_MEMBER)
#undef SO_PQ_MEMBER
};
extern struct so_pq so_pq; /* filled by so_pq_load() */

/* Loads the library once per process; everything that opens a connection calls it first.  SO_ENOTFOUND names what to
 * install.  Threads: any. */
int so_pq_load(struct so_err *err) SO_MUST_CHECK;

#endif
