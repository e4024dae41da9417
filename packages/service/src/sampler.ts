import { ParentBasedSampler, type Sampler, SamplingDecision, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";

/**
 * Keeps `share` of the traces, from 0 to 1, each of them whole. A root that is linked to others is kept where one of
 * those is: what a call did for a message, and what was caused by one in a trace of its own, is seen wherever the message
 * is.
 */
export function createSampler(share: number): Sampler {
  const byShare = new TraceIdRatioBasedSampler(share);
  const root: Sampler = {
    shouldSample(context, traceId, _name, _kind, _attributes, links) {
      if (links.length === 0) return byShare.shouldSample(context, traceId);
      const isLinked = links.some(({ context: { traceFlags } }) => (traceFlags & 1) !== 0);
      return { decision: isLinked ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
    },
    toString: () => `AsLinked{${byShare}}`,
  };
  return new ParentBasedSampler({ root });
}
