export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  readonly text: string;
};

export type Call = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text or bytes are sent as they are. */
  readonly body?: unknown;
};

/** One request, and its answer whatever the status. */
export async function call(url: string, { method = "GET", headers = {}, body }: Call = {}): Promise<Answer> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parse(response, text) };
}

/** The JSON body of a successful answer, in the shape that the caller knows it to have. */
export async function get<Shape>(url: string): Promise<Shape> {
  const { status, body, text } = await call(url);
  if (status !== 200) throw new Error(`GET ${url} answered ${status}: ${text}`);
  return body as Shape;
}

function parse({ headers }: Response, text: string): unknown {
  return text !== "" && /json/.test(headers.get("content-type") ?? "") ? JSON.parse(text) : undefined;
}
