import { count, isHeld, sum } from "./audit/finding.ts";
import type { Outcome } from "./demo.ts";

/** Whether nothing was lost and nothing happened twice. */
export function isGood({ findings, waiting }: Outcome): boolean {
  return findings.every(isHeld) && waiting.length === 0;
}

/** The figures beside the verdict. */
export function figuresOf({ plan, replay, roads, republished, settleMs }: Outcome) {
  const { orders, changed } = plan;
  const endings = Object.groupBy(orders, ({ ending }) => ending);
  const sorted = replay.postMs.toSorted((one, other) => one - other);
  const percentile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return {
    orders: orders.length,
    cds: sum(orders.map(({ cds }) => cds)),
    cents: sum(orders.map(({ totalInCents }) => totalInCents)),
    express: orders.filter(({ body }) => body.express).length,
    repeated: orders.filter(({ repeat }) => repeat).length,
    declined: endings.declined?.length ?? 0,
    changedTo13Cents: changed.orders,
    changedByCents: changed.byCents,
    soldOut: endings["sold out"]?.length ?? 0,
    cancellations: endings["cancelled on request"]?.length ?? 0,
    cancelledTooLate: replay.placed.filter(({ cancellation }) => cancellation === 409).length,
    tapped: [...new Set(roads.map(({ road }) => road))],
    republished,
    settleSeconds: round(settleMs / 1_000),
    ordersPerSecond: round(orders.length / (settleMs / 1_000)),
    postMs: { p50: round(percentile(0.5)), p99: round(percentile(0.99)) },
  };
}

/** The same in sentences. */
export function summarize(outcome: Outcome): string[] {
  const figures = figuresOf(outcome);
  const untapped = ["kafka", "sns-sqs", "rabbitmq"].filter((road) => !figures.tapped.some((tapped) => tapped === road));
  const ownPrice = figures.declined - figures.changedTo13Cents;
  return [
    `\n${count(figures.orders)} orders, ${count(figures.cds)} CDs, ${count(figures.cents)} cents. ` +
      `${count(figures.express)} express, ${count(figures.repeated)} sent twice under one key, ` +
      `${count(figures.soldOut)} sold out, ${count(figures.declined)} declined, ` +
      `${count(figures.cancellations)} cancelled at once, ${count(figures.cancelledTooLate)} of them too late.`,
    ...(figures.declined === 0
      ? []
      : [
          `Cards are declined where an amount ends in 13 cents: ${count(ownPrice)} by the purchase's own price, ` +
            `${count(figures.changedTo13Cents)} whose cents were changed (${count(figures.changedByCents)} cents in all).`,
        ]),
    `Tapped: ${figures.tapped.join(", ")}; ${count(figures.republished)} messages came out twice.` +
      (untapped.length === 0 ? "" : ` Not tapped, because nothing leaves by it: ${untapped.join(", ")}.`),
    `Settled in ${figures.settleSeconds} s: ${figures.ordersPerSecond} orders/s. ` +
      `POST /orders took ${figures.postMs.p50} ms (p50), ${figures.postMs.p99} ms (p99).`,
    isGood(outcome) ? "Nothing was lost and nothing happened twice." : "Something is wrong: see above.",
  ];
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

/** The same for programs. */
export function toJson(outcome: Outcome) {
  const { findings, waiting } = outcome;
  return {
    verdict: isGood(outcome) ? "good" : "bad",
    ...figuresOf(outcome),
    invariants: findings.map((finding) => ({
      ...finding,
      holds: isHeld(finding),
      offenders: finding.offenders.slice(0, 10),
      offenderCount: finding.offenders.length,
    })),
    stillWaiting: waiting.slice(0, 10),
  };
}
