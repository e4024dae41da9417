import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import { setTimeout } from "node:timers/promises";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { z } from "zod";
import { createAnswers } from "./answers.ts";
import type { Ledger } from "./ledger.ts";
import { Refusal } from "./refusal.ts";

const payment = z.strictObject({
  orderId: z.string().min(1).max(100),
  amountInCents: z.int().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/, "expected an ISO 4217 code"),
});
const behaviour = z.strictObject({
  /** Pause before every answer. */
  latencyMs: z.int().min(0).max(60_000).default(0),
  /** Share of requests that fail with 503 and move no money. */
  failureRate: z.number().min(0).max(1).default(0),
  /** Of the requests that move money, the share after which the connection is dropped. Asked again, it answers. */
  dropAnswerRate: z.number().min(0).max(1).default(0),
  /** Whether amounts that end in 13 cents are declined. */
  declines: z.boolean().default(true),
});

type Payment = z.infer<typeof payment>;
type Kind = "charge" | "refund";

/** The third party as an HTTP application: it honours Idempotency-Key, and misbehaves as it is told to. */
export function createProvider(ledger: Ledger): Express {
  const answers = createAnswers(ledger);
  let acts = behaviour.parse({});

  const app = express().disable("x-powered-by");
  app.use((request, response, next) => {
    response.set("x-correlation-id", request.get("x-correlation-id") || randomUUID());
    next();
  });
  app
    .route(["/livez", "/readyz"])
    .get((_request, response) => void response.json({ status: "ready" }))
    .all(refuseMethod);
  app.use(express.json({ strict: false }));
  app
    .route("/behaviour")
    .get((_request, response) => void response.json(acts))
    .put((request, response) => {
      acts = read(behaviour, request.body);
      response.json(acts);
    })
    .all(refuseMethod);
  app
    .route("/ledger")
    .get(({ query: { orderId } }, response) => {
      response.json(ledger.entries.filter((entry) => orderId === undefined || entry.orderId === orderId));
    })
    .all(refuseMethod);
  app
    .route("/charges")
    .post((request, response) => move("charge", request, response))
    .all(refuseMethod);
  app
    .route("/refunds")
    .post((request, response) => move("refund", request, response))
    .all(refuseMethod);
  app.use((request: Request) => {
    throw new Refusal(404, `There is no ${request.method} ${request.path}`);
  });
  app.use(answerError);
  return app;

  async function move(kind: Kind, request: Request, response: Response): Promise<void> {
    const key = request.get("idempotency-key");
    if (!key) throw new Refusal(400, "The header Idempotency-Key is missing");
    const body = read(payment, request.body);
    await setTimeout(acts.latencyMs);
    if (Math.random() < acts.failureRate) throw new Refusal(503, "Out of order for a moment");
    const before = ledger.entries.length;
    const entry = answers.once(kind, key, body, () => settle(kind, key, body));
    const hasMoved = ledger.entries.length > before;
    if (hasMoved && Math.random() < acts.dropAnswerRate) request.socket.destroy();
    else response.status(201).json(entry);
  }

  function settle(kind: Kind, idempotencyKey: string, body: Payment) {
    if (kind === "charge" && acts.declines && body.amountInCents % 100 === 13) {
      throw new Refusal(402, "card declined");
    }
    if (kind === "refund" && refundable(body.orderId) < body.amountInCents) {
      throw new Refusal(409, `Order ${body.orderId} was not charged that much`);
    }
    return ledger.record({ kind, ...body, idempotencyKey });
  }

  function refundable(orderId: string): number {
    const own = ledger.entries.filter((entry) => entry.orderId === orderId);
    return own.reduce((sum, { kind, amountInCents }) => sum + (kind === "charge" ? amountInCents : -amountInCents), 0);
  }
}

function refuseMethod({ method, path, route }: Request, response: Response): never {
  const methods: string[] = route.stack.flatMap((layer: { readonly method?: string }) => layer.method ?? []);
  const allow = methods.join(", ").toUpperCase();
  response.set("allow", allow);
  throw new Refusal(405, `There is no ${method} ${path}, but ${allow}`);
}

function read<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  throw new Refusal(400, "The body is not valid", errors);
}

function answerError(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  const refusal = error instanceof Refusal ? error : toRefusal(error);
  const { status, message, errors } = refusal;
  const correlationId = response.get("x-correlation-id");
  const problem = { type: "about:blank", title: STATUS_CODES[status], status, detail: message, errors, correlationId };
  response.status(status).type("application/problem+json").send(JSON.stringify(problem));
}

function toRefusal(error: unknown): Refusal {
  const status = error instanceof Error && "status" in error ? Number(error.status) : 500;
  if (status >= 400 && status < 500) return new Refusal(status, (error as Error).message);
  return new Refusal(500, "Something went wrong here");
}
