// SQLite: WAL, synchronous=FULL, one connection a writer. Writers take turns at a mutex of ours:
// SQLite has one writer at a time anyway, and its own waiting is a sleep that grows.
#include "peer.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct connection {
  sqlite3 *db;
  sqlite3_stmt *begin, *commit, *insert, *stages[3];
};

struct sqlite_peer {
  peer base;
  pthread_mutex_t turn;
  int writers;
  struct connection *connections;
};

static int fail(struct connection *c, const char *what) {
  return peers_fail("sqlite, %s: %s", what, sqlite3_errmsg(c->db));
}

static int step(struct connection *c, sqlite3_stmt *statement) {
  int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : fail(c, "step");
}

static int insert_all(
    struct connection *c, const uint8_t *records, size_t size, size_t count) {
  for (size_t index = 0; index < count; index++) {
    sqlite3_bind_blob(c->insert, 1, records + index * size, (int)size, SQLITE_STATIC);
    if (step(c, c->insert)) return -1;
  }
  return 0;
}

static int append(peer *p, int writer, const uint8_t *records, size_t size, size_t count) {
  struct sqlite_peer *all = (struct sqlite_peer *)p;
  struct connection *c = &all->connections[writer];
  pthread_mutex_lock(&all->turn);
  int result = count > 1 ? step(c, c->begin) : 0;
  if (!result) result = insert_all(c, records, size, count);
  if (!result && count > 1) result = step(c, c->commit);
  pthread_mutex_unlock(&all->turn);
  return result;
}

static int job(
    peer *p, int writer, uint64_t number, int stage, const uint8_t *record, size_t size) {
  struct sqlite_peer *all = (struct sqlite_peer *)p;
  struct connection *c = &all->connections[writer];
  pthread_mutex_lock(&all->turn);
  sqlite3_bind_blob(c->stages[stage], 1, record, (int)size, SQLITE_STATIC);
  sqlite3_bind_int64(c->stages[stage], 2, (sqlite3_int64)number);
  int result = step(c, c->stages[stage]);
  pthread_mutex_unlock(&all->turn);
  return result;
}

static void close_all(peer *p) {
  struct sqlite_peer *all = (struct sqlite_peer *)p;
  for (int index = 0; index < all->writers; index++) {
    struct connection *c = &all->connections[index];
    sqlite3_finalize(c->begin);
    sqlite3_finalize(c->commit);
    sqlite3_finalize(c->insert);
    for (int stage = 0; stage < 3; stage++) sqlite3_finalize(c->stages[stage]);
    sqlite3_close(c->db);
  }
  free(all->connections);
  pthread_mutex_destroy(&all->turn);
  free(all);
}

static int prepare(struct connection *c, const char *sql, sqlite3_stmt **out) {
  return sqlite3_prepare_v2(c->db, sql, -1, out, NULL) == SQLITE_OK ? 0 : fail(c, sql);
}

static int connect_to(struct connection *c, const char *path, enum peer_sync sync) {
  if (sqlite3_open(path, &c->db) != SQLITE_OK) return fail(c, path);
  sqlite3_busy_timeout(c->db, 60000);
  const char *sql =
      sync == PEER_DURABLE
          ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
          : "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;";
  if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK) return fail(c, sql);
  const char *tables =
      "CREATE TABLE IF NOT EXISTS facts(id INTEGER PRIMARY KEY, payload BLOB NOT NULL);"
      "CREATE TABLE IF NOT EXISTS jobs(id INTEGER PRIMARY KEY, submitted BLOB, finished BLOB,"
      " collected BLOB);";
  if (sqlite3_exec(c->db, tables, NULL, NULL, NULL) != SQLITE_OK) return fail(c, "tables");
  return prepare(c, "BEGIN IMMEDIATE", &c->begin) || prepare(c, "COMMIT", &c->commit) ||
         prepare(c, "INSERT INTO facts(payload) VALUES(?1)", &c->insert) ||
         prepare(c, "INSERT INTO jobs(submitted, id) VALUES(?1, ?2)", &c->stages[0]) ||
         prepare(c, "UPDATE jobs SET finished = ?1 WHERE id = ?2", &c->stages[1]) ||
         prepare(c, "UPDATE jobs SET collected = ?1 WHERE id = ?2", &c->stages[2]);
}

peer *peer_open_sqlite(const char *directory, int writers, enum peer_sync sync) {
  struct sqlite_peer *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  all->base = (peer){append, job, close_all};
  pthread_mutex_init(&all->turn, NULL);
  all->connections = calloc((size_t)writers, sizeof *all->connections);
  char path[4096];
  snprintf(path, sizeof path, "%s/facts.db", directory);
  for (int index = 0; all->connections && index < writers; index++) {
    all->writers = index + 1;
    if (connect_to(&all->connections[index], path, sync)) {
      close_all(&all->base);
      return NULL;
    }
  }
  return &all->base;
}
