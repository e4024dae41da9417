import type { Decider } from "./index.ts";

/** The entity of these tests: the smallest that can refuse. */
export type AccountCommand =
  | { readonly type: "deposit"; readonly cents: number; readonly note?: string }
  | { readonly type: "withdraw"; readonly cents: number };

export type AccountEvent =
  | { readonly type: "deposited"; readonly data: { readonly cents: number } }
  | { readonly type: "noted"; readonly data: { readonly text: string } }
  | { readonly type: "withdrawn"; readonly data: { readonly cents: number } };

export type Account = { readonly cents: number; readonly notes: readonly string[] };

/** The rules of the account forbid it. */
export class AccountError extends Error {
  override readonly name = "AccountError";
}

export const accounts: Decider<AccountCommand, AccountEvent, Account> = {
  type: "account",
  initialState: { cents: 0, notes: [] },
  upcasters: { deposited: [({ euros }: { readonly euros: number }) => ({ cents: euros * 100 })] },

  decide(command, state) {
    const { cents } = command;
    if (command.type === "withdraw") {
      if (state.cents < cents) throw new AccountError(`There are ${state.cents} cents, not ${cents}`);
      return [{ type: "withdrawn", data: { cents } }];
    }
    if (cents === 0) return [];
    const deposited: AccountEvent = { type: "deposited", data: { cents } };
    return command.note === undefined ? [deposited] : [deposited, { type: "noted", data: { text: command.note } }];
  },
  evolve(state, { type, data }) {
    if (type === "noted") return { ...state, notes: [...state.notes, data.text] };
    return { ...state, cents: state.cents + (type === "deposited" ? data.cents : -data.cents) };
  },
};
