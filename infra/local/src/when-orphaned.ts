/**
 * A signal that aborts once whoever started this process has gone, where that is npm: its shell keeps a SIGTERM to itself,
 * and all would run on with nobody to end it.
 */
export function whenOrphaned(): AbortSignal {
  const orphaned = new AbortController();
  const { ppid } = process;
  const look = () => process.ppid !== ppid && orphaned.abort();
  if (process.env.npm_lifecycle_event !== undefined) setInterval(look, 500).unref();
  return orphaned.signal;
}
