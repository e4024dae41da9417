import type { Visitor } from "@throughline/service";

type Owned = { readonly customerId: string };

/** Customers see what is theirs. */
export function sees({ role, name }: Visitor, { customerId }: Owned): boolean {
  return role !== "customer" || name === customerId;
}

/** A viewer looks at everybody's orders, and changes none. */
export function mayChange(visitor: Visitor, order: Owned): boolean {
  return visitor.role !== "viewer" && sees(visitor, order);
}
