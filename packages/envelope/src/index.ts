export { areBaggageKeys, type Baggage, baggageAttributes, carryBaggage, readBaggage } from "./baggage.ts";
export { type Cause, currentCause, runCausedBy } from "./cause.ts";
export { createEnvelope, type Envelope, type Handler, type Message } from "./envelope.ts";
export { deriveId, newId } from "./id.ts";
export { RejectedError } from "./rejected-error.ts";
export { parseEnvelope, restoreEnvelope, serializeEnvelope } from "./wire.ts";
