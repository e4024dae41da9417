/**
 * A signal that aborts at Ctrl-C or SIGTERM. A second one ends this process at once, and with it all that is tied to it.
 * npm hands on what the terminal has sent to all of us, so what comes within half a second counts as the same one.
 */
export function listenForInterruption(): AbortSignal {
  const interrupted = new AbortController();
  let at: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      at ??= performance.now();
      interrupted.abort();
      if (performance.now() - at > 500) process.exit(signal === "SIGINT" ? 130 : 143);
    });
  }
  return interrupted.signal;
}
