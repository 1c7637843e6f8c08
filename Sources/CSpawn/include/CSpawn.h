// The few C lines between fork and exec, and the system calls that glibc's Swift overlay lacks. No
// Swift code may run in the child: it shares the parent's memory until it execs. Linux only.
#ifndef RPCV_CSPAWN_H
#define RPCV_CSPAWN_H

#include <stdint.h>
#include <sys/types.h>

// What the child is to become. All strings and arrays belong to the caller; nothing is kept.
struct rpcv_command {
  const char *program;      // a path; relative ones are looked up in `directory`
  char *const *arguments;   // null-terminated, argv[0] included
  char *const *environment; // null-terminated
  const char *directory;    // the child's working directory
  int input, output, error; // descriptors above 2 that become 0, 1 and 2
  uint64_t address_space;   // RLIMIT_AS in bytes, 0 for none
  uint64_t file_size;       // RLIMIT_FSIZE in bytes, 0 for none
  uint64_t open_files;      // soft RLIMIT_NOFILE, 0 to keep
  int oom_score;            // 0..1000: how much rather than the parent it dies for lack of memory
};

// The step that failed in the child.
enum rpcv_spawn_step {
  rpcv_step_none = 0,
  rpcv_step_clone = 1,
  rpcv_step_parent = 2,
  rpcv_step_session = 3,
  rpcv_step_limits = 4,
  rpcv_step_directory = 5,
  rpcv_step_descriptors = 6,
  rpcv_step_exec = 7,
};

struct rpcv_spawned {
  pid_t pid;    // -1 if it failed
  int pidfd;    // readable when the process has ended; close-on-exec
  int step;     // enum rpcv_spawn_step
  int code;     // errno of that step
};

// Starts a process: a session and process group of its own, only descriptors 0 to 2, default signal
// dispositions, an empty mask, no core file, and death by SIGKILL when the *thread* that called
// this ends. Returns when the child has exec'ed or failed; a failed child is reaped already.
struct rpcv_spawned rpcv_spawn(const struct rpcv_command *spawn);

// Descendants that lose their parent become children of this process. 0 or errno.
int rpcv_become_subreaper(void);

// waitid(2) on one child without waiting: 1 if it ended and was reaped (then `status` is as from
// wait4 and `peak_kib` the largest resident set of it and its reaped children), 0 if it runs, or
// -errno.
int rpcv_reap(pid_t pid, int *status, int64_t *peak_kib);

// epoll(7), level-triggered, for reading only. Descriptors are close-on-exec.
// The epoll descriptor or -errno.
int rpcv_epoll_make(void);
// Reports `tag` whenever `descriptor` can be read. 0 or errno.
int rpcv_epoll_add(int epoll, int descriptor, uint64_t tag);
void rpcv_epoll_remove(int epoll, int descriptor);
// Waits at most `timeout_ms` (-1: for ever); fills `tags`. Their number, or -errno.
int rpcv_epoll_wait(int epoll, uint64_t *tags, int capacity, int timeout_ms);

// An eventfd that doesn't block, close-on-exec. The descriptor or -errno.
int rpcv_event_make(void);

// An unnamed file in memory, close-on-exec. The descriptor or -errno.
int rpcv_memory_file(const char *name);

// A close-on-exec pipe, of which the reading end doesn't block. 0 or errno.
int rpcv_pipe(int *reading, int *writing);

// Asks for a larger buffer in a pipe; it may be refused.
void rpcv_widen_pipe(int descriptor, int size);

// Names the calling thread for ps and top; 15 bytes of it.
void rpcv_name_thread(const char *name);

#endif
