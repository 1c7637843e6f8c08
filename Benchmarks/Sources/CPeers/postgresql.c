// PostgreSQL over libpq, one connection a writer, prepared statements in binary. A batch is one
// COPY, the fastest way in that it has; a job is one row, updated twice.
#include "peer.h"

#include <arpa/inet.h>
#include <postgresql/libpq-fe.h>
#include <stdlib.h>
#include <string.h>

struct link {
  PGconn *connection;
  uint8_t *copy;
  size_t room;
};

struct pg_peer {
  peer base;
  int writers;
  struct link *links;
};

static int check(PGconn *connection, PGresult *result, ExecStatusType expected) {
  int bad = PQresultStatus(result) != expected;
  if (bad) peers_fail("postgresql: %s", PQerrorMessage(connection));
  PQclear(result);
  return bad ? -1 : 0;
}

static int run_sql(PGconn *connection, const char *sql) {
  return check(connection, PQexec(connection, sql), PGRES_COMMAND_OK);
}

static size_t put(uint8_t *to, size_t at, const void *bytes, size_t count) {
  memcpy(to + at, bytes, count);
  return at + count;
}

static int copy_in(
    struct link *link, const uint8_t *records, size_t size, size_t count) {
  static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
  size_t needed = sizeof head + count * (6 + size) + 2, at = 0;
  if (needed > link->room) {
    free(link->copy);
    link->copy = malloc(link->room = needed);
    if (!link->copy) return peers_fail("no memory");
  }
  uint16_t fields = htons(1), end = 0xffff;
  uint32_t length = htonl((uint32_t)size);
  at = put(link->copy, at, head, sizeof head);
  for (size_t index = 0; index < count; index++) {
    at = put(link->copy, at, &fields, 2);
    at = put(link->copy, at, &length, 4);
    at = put(link->copy, at, records + index * size, size);
  }
  at = put(link->copy, at, &end, 2);
  PGconn *c = link->connection;
  if (check(
          c, PQexec(c, "COPY facts(payload) FROM STDIN (FORMAT binary)"), PGRES_COPY_IN))
    return -1;
  if (PQputCopyData(c, (const char *)link->copy, (int)at) != 1 || PQputCopyEnd(c, NULL) != 1)
    return peers_fail("postgresql: %s", PQerrorMessage(c));
  int result = check(c, PQgetResult(c), PGRES_COMMAND_OK);
  for (PGresult *rest; (rest = PQgetResult(c));) PQclear(rest);
  return result;
}

static int append(peer *p, int writer, const uint8_t *records, size_t size, size_t count) {
  struct link *link = &((struct pg_peer *)p)->links[writer];
  if (count > 1) return copy_in(link, records, size, count);
  const char *values[1] = {(const char *)records};
  int lengths[1] = {(int)size}, formats[1] = {1};
  return check(
      link->connection,
      PQexecPrepared(link->connection, "fact", 1, values, lengths, formats, 1),
      PGRES_COMMAND_OK);
}

static int job(
    peer *p, int writer, uint64_t number, int stage, const uint8_t *record, size_t size) {
  static const char *const names[] = {"submit", "finish", "collect"};
  struct link *link = &((struct pg_peer *)p)->links[writer];
  uint32_t id[2] = {htonl((uint32_t)(number >> 32)), htonl((uint32_t)number)};
  const char *values[2] = {(const char *)record, (const char *)id};
  int lengths[2] = {(int)size, 8}, formats[2] = {1, 1};
  return check(
      link->connection,
      PQexecPrepared(link->connection, names[stage], 2, values, lengths, formats, 1),
      PGRES_COMMAND_OK);
}

static void close_all(peer *p) {
  struct pg_peer *all = (struct pg_peer *)p;
  for (int index = 0; index < all->writers; index++) {
    PQfinish(all->links[index].connection);
    free(all->links[index].copy);
  }
  free(all->links);
  free(all);
}

static int prepare(PGconn *c, const char *name, const char *sql) {
  return check(c, PQprepare(c, name, sql, 0, NULL), PGRES_COMMAND_OK);
}

static int connect_to(struct link *link, const char *where, int isFirst) {
  PGconn *c = link->connection = PQconnectdb(where);
  if (PQstatus(c) != CONNECTION_OK) return peers_fail("postgresql: %s", PQerrorMessage(c));
  if (run_sql(c, "SET client_min_messages = warning")) return -1;
  if (isFirst &&
      (run_sql(c, "DROP TABLE IF EXISTS facts, jobs") ||
       run_sql(c, "CREATE TABLE facts(id bigserial PRIMARY KEY, payload bytea NOT NULL)") ||
       run_sql(
           c, "CREATE TABLE jobs(id bigint PRIMARY KEY, submitted bytea, finished bytea,"
              " collected bytea)")))
    return -1;
  return prepare(c, "fact", "INSERT INTO facts(payload) VALUES($1::bytea)") ||
         prepare(c, "submit", "INSERT INTO jobs(submitted, id) VALUES($1::bytea, $2::bigint)") ||
         prepare(c, "finish", "UPDATE jobs SET finished = $1::bytea WHERE id = $2::bigint") ||
         prepare(c, "collect", "UPDATE jobs SET collected = $1::bytea WHERE id = $2::bigint");
}

peer *peer_open_postgresql(const char *connection, int writers) {
  struct pg_peer *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  all->base = (peer){append, job, close_all};
  all->links = calloc((size_t)writers, sizeof *all->links);
  for (int index = 0; all->links && index < writers; index++) {
    all->writers = index + 1;
    if (connect_to(&all->links[index], connection, index == 0)) {
      close_all(&all->base);
      return NULL;
    }
  }
  return &all->base;
}
