import { goldenCases } from "@throughline/event-store/testing";
import { test } from "vitest";
import { type PaymentCommand, payments } from "./payment.ts";

const request: PaymentCommand = { type: "request", amountInCents: 2_933, currency: "USD", express: true };
const charging: PaymentCommand[] = [request, { type: "start-charge" }];
const charged: PaymentCommand[] = [...charging, { type: "record-charge", reference: "ch-1" }];
const refunding: PaymentCommand[] = [...charged, { type: "void" }];

const cases = goldenCases(payments, `${import.meta.dirname}/../golden`, {
  requested: [request],
  "not-needed": [{ ...request, amountInCents: 0 }],
  "charge-started": charging,
  charged,
  declined: [...charging, { type: "record-decline", reason: "card declined" }],
  voided: [request, { type: "void" }],
  "refund-requested": refunding,
  refunded: [...refunding, { type: "record-refund", reference: "re-1" }],
});

test.each(cases)("$name", ({ run }) => run());
