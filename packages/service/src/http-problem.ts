/**
 * An answer that says what went wrong, as RFC 9457 wants it. Thrown by routes; `serveHttp` catches it and sends it as
 * application/problem+json.
 */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  readonly title: string;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(status: number, title: string, extra: Readonly<Record<string, unknown>>, options?: ErrorOptions) {
    super(title, options);
    this.status = status;
    this.title = title;
    this.extra = extra;
  }
}

/**
 * `throw problem(409, "The order is completed", { orderId })`; `detail` and `errors` are the members that readers know.
 * The cause is for the log alone.
 */
export function problem(
  status: number,
  title: string,
  extra: Readonly<Record<string, unknown>> = {},
  options?: ErrorOptions,
): HttpProblem {
  return new HttpProblem(status, title, extra, options);
}
