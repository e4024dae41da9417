/** The broker does not answer now: try the same again later. Whatever it refuses is any other error. */
export class AwayError extends Error {
  override readonly name = "AwayError";
}
