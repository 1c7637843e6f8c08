// Redis over its own protocol on a unix socket, one connection a writer. The server runs with
// appendfsync always: it answers after the sync, and answers all that gathered with one.
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct redis_peer {
  peer base;
  int writers;
  int *sockets;
};

static int send_all(int socket, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t done = send(socket, bytes, count, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return peers_fail("redis: the connection broke: %s", strerror(errno));
    bytes += done;
    count -= (size_t)done;
  }
  return 0;
}

/// Waits for so many short answers, none of them an error.
static int answers(int socket, size_t count) {
  char buffer[16384];
  int atStart = 1;
  while (count > 0) {
    ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return peers_fail("redis: the connection broke");
    for (ssize_t index = 0; index < got; index++) {
      if (atStart && buffer[index] == '-')
        return peers_fail("redis: %.*s", (int)(got - index), buffer + index);
      atStart = buffer[index] == '\n';
      count -= atStart && count > 0;
    }
  }
  return 0;
}

static int set(int socket, const char *key, const uint8_t *value, size_t size) {
  char command[8192];
  int head = snprintf(
      command, sizeof command, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key), key,
      size);
  if ((size_t)head + size + 2 > sizeof command) return peers_fail("redis: a record too long");
  memcpy(command + head, value, size);
  memcpy(command + head + size, "\r\n", 2);
  return send_all(socket, command, (size_t)head + size + 2);
}

/// Facts without a job, one SET each, in one go.
static int append(peer *p, int writer, const uint8_t *records, size_t size, size_t count) {
  int socket = ((struct redis_peer *)p)->sockets[writer];
  for (size_t index = 0; index < count; index++) {
    char key[32];
    snprintf(key, sizeof key, "fact:%d:%zu", writer, index);
    if (set(socket, key, records + index * size, size)) return -1;
  }
  return answers(socket, count);
}

static int job(
    peer *p, int writer, uint64_t number, int stage, const uint8_t *record, size_t size) {
  int socket = ((struct redis_peer *)p)->sockets[writer];
  char key[48];
  snprintf(key, sizeof key, "job:%llu:%d", (unsigned long long)number, stage);
  if (set(socket, key, record, size)) return -1;
  return answers(socket, 1);
}

static void close_all(peer *p) {
  struct redis_peer *all = (struct redis_peer *)p;
  for (int index = 0; index < all->writers; index++)
    if (all->sockets[index] >= 0) close(all->sockets[index]);
  free(all->sockets);
  free(all);
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return peers_fail("%s: too long a path", path);
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  peers_fail("redis at %s: %s", path, strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

peer *peer_open_redis(const char *socket_path, int writers) {
  struct redis_peer *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  all->base = (peer){append, job, close_all};
  all->sockets = calloc((size_t)writers, sizeof *all->sockets);
  for (int index = 0; all->sockets && index < writers; index++) {
    all->writers = index + 1;
    if ((all->sockets[index] = connect_to(socket_path)) < 0) {
      close_all(&all->base);
      return NULL;
    }
  }
  return &all->base;
}
