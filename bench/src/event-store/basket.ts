/** The entity of this bench: things are added to it, and counted. */
export type Added = { readonly type: "added"; readonly data: { readonly number: number; readonly note: string } };
export type Basket = { readonly count: number; readonly lastNumber: number };

export const emptyBasket: Basket = { count: 0, lastNumber: -1 };

const note = "x".repeat(200);

export function dataOf(number: number): Added["data"] {
  return { number, note };
}

export function evolve({ count }: Basket, { data }: Added): Basket {
  return { count: count + 1, lastNumber: data.number };
}

/** Has a rule, as commands have. */
export function decideOn(number: number, { lastNumber }: Basket): Added {
  if (number <= lastNumber) throw new Error(`${number} comes after ${lastNumber}`);
  return { type: "added", data: dataOf(number) };
}
