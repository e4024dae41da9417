import { ProxyTracer, type Tracer, trace } from "@opentelemetry/api";

/**
 * The tracer of the SDK that is registered; undefined where none is, or not yet: whatever was made for a span would be for
 * nobody. Until then the API gives a proxy, and then the SDK's own. To ask costs nothing beside a span. (That a span does not
 * record proves nothing, since a sampler may want the next one.)
 */
export function registeredTracer(): Tracer | undefined {
  const tracer = trace.getTracer("throughline");
  return tracer instanceof ProxyTracer ? undefined : tracer;
}
