// The peers that the store is measured beside, behind one small interface, so that one harness
// drives all of them with the same bytes and the same threads. Every function that can fail returns
// NULL or nonzero then, and peers_error() of the same thread says why.
#ifndef PEERS_H
#define PEERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *peers_error(void);

// MARK: engines that N threads write to

typedef struct peer peer;

/// What a durable return of an append is to mean. PEER_LAZY: the process has handed it over.
enum peer_sync { PEER_DURABLE = 0, PEER_LAZY = 1 };

peer *peer_open_sqlite(const char *directory, int writers, enum peer_sync sync);
peer *peer_open_rocksdb(const char *directory, int writers, enum peer_sync sync);
/// `connection` as libpq wants it; tables of an earlier use are dropped.
peer *peer_open_postgresql(const char *connection, int writers);
/// A server that listens on this unix socket.
peer *peer_open_redis(const char *socket_path, int writers);

/// Group commit by threads in the leanest way, into a file whose blocks are written already.
peer *peer_open_grouped(const char *path);

/// `count` records of `size` bytes each, one behind the other, as one transaction. Returns when
/// they are durable. Called by one thread a writer at a time.
int peer_append(peer *p, int writer, const uint8_t *records, size_t size, size_t count);

/// One fact about a job: stage 0 submits it, 1 finishes, 2 collects. Returns when it is durable.
int peer_job(
    peer *p, int writer, uint64_t job, int stage, const uint8_t *record, size_t size);

void peer_close(peer *p);

// MARK: the bare loop

/// What the disk and the kernel allow: one thread gathers one record set of each writer, writes all
/// at once into a file whose blocks are written already, and calls fdatasync.
typedef struct bare bare;

struct bare_run {
  /// Record sets made durable, of all writers.
  uint64_t operations;
  uint64_t nanoseconds;
  /// How many latencies were stored: one a round.
  size_t rounds;
};

bare *bare_open(const char *path, size_t file_size);
/// `stages` sets one behind the other make one operation; set i is `count` records of sizes[i].
/// `records` are at least `pool` bytes to take them from.
int bare_run_for(
    bare *b, const uint8_t *records, size_t pool, const size_t *sizes, int stages, size_t count,
    int writers, double seconds, uint64_t *latencies, size_t capacity, struct bare_run *run);
/// Records copied into a buffer of 1 MiB and written without a sync behind what is there, at most
/// `limit` bytes.
int bare_run_unsynced(
    bare *b, const uint8_t *records, size_t pool, size_t size, double seconds, size_t limit,
    struct bare_run *run);
void bare_close(bare *b);

// MARK: reading and copying

/// XXH64 (seed 0) of the bytes: the checksum that the store's frames carry.
uint64_t peers_xxh64(const void *bytes, size_t size);
/// Reads the file in pieces and hashes each; adds what it read to *total.
int peers_read_and_hash(const char *path, size_t piece, uint64_t *total, uint64_t *hash);

#ifdef __cplusplus
}
#endif

#endif
