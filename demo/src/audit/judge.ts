import { asPlanned } from "./as-planned.ts";
import { contained } from "./contained.ts";
import { drained } from "./drained.ts";
import type { Evidence, Finding } from "./finding.ts";
import { inOrder } from "./in-order.ts";
import { moneyConserved } from "./money.ts";
import { noGhost } from "./no-ghost.ts";
import { noLoss } from "./no-loss.ts";
import { oneEffect } from "./one-effect.ts";
import { stockConserved } from "./stock.ts";

const invariants = [
  asPlanned,
  noLoss,
  noGhost,
  oneEffect,
  inOrder,
  moneyConserved,
  stockConserved,
  contained,
  drained,
] as const;

/** Judges every invariant; none hides another. */
export function judge(evidence: Evidence): Finding[] {
  return invariants.map((invariant) => invariant(evidence));
}
