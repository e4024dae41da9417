import { type Attributes, createNoopMeter, metrics } from "@opentelemetry/api";

export type AgeMeasureOptions = { readonly description: string; readonly attributes: Attributes };

/**
 * A histogram of ages, in seconds, at one step of the way. Call it with the time, in ISO 8601, at which a message was written.
 * It measures where an SDK was registered before.
 */
export function createAgeMeasure(
  name: string,
  { description, attributes }: AgeMeasureOptions,
): (writtenAt: string) => void {
  const meter = metrics.getMeter("throughline");
  // To read the time of each message is a tenth of what a relay does with it.
  if (meter === createNoopMeter()) return () => {};
  const age = meter.createHistogram(name, {
    description,
    unit: "s",
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600] },
  });
  return (writtenAt) => age.record(Math.max(0, Date.now() - Date.parse(writtenAt)) / 1_000, attributes);
}
