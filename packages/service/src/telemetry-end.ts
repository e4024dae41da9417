type End = () => Promise<void>;

let end: End | undefined;

/** The preload tells here how its exporter is flushed, so that this package need not load an SDK to end one. */
export function onTelemetryEnd(flush: End): void {
  end = flush;
}

/** Sends the last spans, once. Nothing to do where telemetry is off. */
export async function endTelemetry(): Promise<void> {
  const flush = end;
  end = undefined;
  await flush?.();
}
