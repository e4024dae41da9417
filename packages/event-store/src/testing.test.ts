import { AssertionError } from "node:assert";
import { expect, test } from "vitest";
import { AccountError, type AccountEvent, accounts } from "./account.ts";
import { given } from "./testing.ts";

const deposited: AccountEvent = { type: "deposited", data: { cents: 900 } };

test("what is there can be withdrawn", () => {
  given(accounts, deposited)
    .when({ type: "withdraw", cents: 300 })
    .then({ type: "withdrawn", data: { cents: 300 } });
});

test("what is not there cannot be withdrawn", () => {
  given(accounts, deposited).when({ type: "withdraw", cents: 901 }).thenThrows(AccountError);
});

test("a deposit of nothing makes nothing happen", () => {
  given(accounts).when({ type: "deposit", cents: 0 }).then();
});

test("another event, a missing error and an error of another class fail the test", () => {
  const withdrawal = given(accounts, deposited).when({ type: "withdraw", cents: 300 });
  expect(() => withdrawal.then({ type: "withdrawn", data: { cents: 301 } })).toThrow(AssertionError);
  expect(() => withdrawal.thenThrows(AccountError)).toThrow(AssertionError);
  expect(() => given(accounts).when({ type: "withdraw", cents: 1 }).thenThrows(RangeError)).toThrow(AssertionError);
});
