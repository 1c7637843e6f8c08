// The help's long text. The parser keeps no line breaks but empty lines, hence the short parts.

enum LogDumpHelp {
  static let discussion = """
    PATH is a node's directory, one of its logs (facts or archives), or one segment's file, also \
    one that was set aside or renamed. Nothing but --repair writes; a node may be using PATH \
    meanwhile (--repair refuses that).

    Without options: segments, frames and records in words. With a filter (--segment, --kind, \
    --session, --call, --since, --limit) only the records that satisfy all of them, a line each. \
    A record that tells no time counts as late as the ones before it in its segment.

    EXAMPLES
      rpcv-logdump DIR                              everything, in words
      rpcv-logdump DIR --verify                     is it sound? (exit status)
      rpcv-logdump DIR --stats                      what takes the space?
      rpcv-logdump DIR --session render --call 17   the life of one call
      rpcv-logdump DIR --kind failed --since 2h     what failed lately
      rpcv-logdump DIR --follow --kind finished     results as they come
      rpcv-logdump --diff DIR OTHER                 what one has and the other lacks
      rpcv-logdump DIR --repair --dry-run           what would a start do?
      rpcv-logdump DIR --repair --into NEW          a repaired copy

    EXIT STATUS
      0   fine; the end of what was asked for
      1   --verify, --repair: torn tails only, never durable, which the next start cuts off
      2   --verify, --repair, --diff: durable bytes are damaged or missing
      3   --diff: the directories differ
      64  usage
      66  there is no log at PATH
      73  --repair: the directory to be made is there already
      74  something can't be read or written
      75  --repair: another process has the directory

    JSON: one object a line, docs/LOGDUMP.md tells every field.
    """
}
