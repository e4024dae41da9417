import { z } from "zod";
import { gather, type Silent } from "./desks.ts";
import { type Address, get } from "./snapshot.ts";

/** What happened to one order, in whichever service. */
export type Happening = z.infer<typeof happening> & { readonly service: string };

/** In the order of time, and the services that do not tell now. */
export type Happenings = { readonly happenings: readonly Happening[]; readonly silent: readonly Silent[] };

const happening = z.object({ at: z.iso.datetime(), type: z.string(), data: z.unknown(), by: z.string().optional() });
const historySchema = z.object({ events: z.array(happening) });
const reservationSchema = z.object({
  status: z.enum(["reserved", "rejected", "released", "shipped", "void"]),
  items: z.array(z.unknown()),
  ...{ createdAt: z.iso.datetime(), updatedAt: z.iso.datetime() },
});

type Reservation = z.infer<typeof reservationSchema>;

/** Which service tells what of an order, and how it is read. Stock is kept by SKU, so of an order only the outcome is told. */
const tellers = [
  { service: "order", path: (id: string) => `/orders/${id}/history`, read: readHistory },
  { service: "billing", path: (id: string) => `/payments/${id}/history`, read: readHistory },
  { service: "inventory", path: (id: string) => `/reservations/${id}`, read: readReservation },
] as const;

/** Asks all at once, in the name of whoever looks. One that knows nothing of the order has nothing to tell. */
export async function readHappenings(
  addresses: readonly Address[],
  orderId: string,
  token: string | undefined,
): Promise<Happenings> {
  const questions = tellers.flatMap((teller) => {
    const { service } = teller;
    const address = addresses.find(({ name }) => name === service);
    return address ? [{ service, asked: ask(teller, address) }] : [];
  });
  const { answers, silent } = await gather(questions);
  return { happenings: answers.toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at)), silent };

  async function ask({ service, path, read }: (typeof tellers)[number], address: Address): Promise<Happening[]> {
    const response = await get(address, path(encodeURIComponent(orderId)), token);
    if (response.status === 404) return [];
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return read(await response.json()).map((each) => ({ ...each, service }));
  }
}

function readHistory(body: unknown) {
  return historySchema.parse(body).events;
}

function readReservation(body: unknown): z.infer<typeof happening>[] {
  const { status, items, createdAt, updatedAt } = reservationSchema.parse(body);
  const began = isHeld(status) ? [{ at: createdAt, type: "reserved", data: { items } }] : [];
  return status === "reserved" ? began : [...began, { at: updatedAt, type: status, data: {} }];
}

/** Whether it held something, at least for a time. */
function isHeld(status: Reservation["status"]): boolean {
  return status !== "rejected" && status !== "void";
}
