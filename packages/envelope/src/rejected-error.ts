/**
 * This message can never be handled, now or later: set it aside at once, with this reason, and go on with the next.
 * Thrown by parsers and handlers; a transport that catches one writes the message to its dead letters and retries nothing.
 */
export class RejectedError extends Error {
  override readonly name = "RejectedError";
}
