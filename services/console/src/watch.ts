import { createFlow, type Flow } from "./flow.ts";
import { createHistory, type History, noteEachMs } from "./history.ts";
import { type OrderLine, readNewestOrders } from "./newest-orders.ts";
import { type Address, type Snapshot, takeSnapshot } from "./snapshot.ts";

export type Drawn = Snapshot & { readonly flow: Flow; readonly orders: readonly OrderLine[] };

/** What the services tell, for all who look. */
export type Watch = Disposable & {
  /** With the orders that the token shows. However many ask, each service is asked once in 900 ms. */
  latest(token?: string): Promise<Drawn>;
  readonly history: History;
};

/** Keeps a history from now on, whether anybody looks or not. */
export function watchServices(addresses: readonly Address[]): Watch {
  const draw = createFlow();
  const history = createHistory();
  const order = addresses.find(({ name }) => name === "order");
  const services = shared(async () => {
    const snapshot = await takeSnapshot(addresses);
    return { ...snapshot, flow: draw(snapshot) };
  });
  const orders = shared(async (token) => (order ? readNewestOrders(order, token) : []));
  const latest = async (token?: string) => {
    const [drawn, newest] = await Promise.all([services(), orders(token)]);
    return { ...drawn, orders: newest };
  };
  const timer = setInterval(async () => history.note(await services()), noteEachMs).unref();
  return { latest, history, [Symbol.dispose]: () => clearInterval(timer) };
}

/** What was taken for one token is not shown to another. */
function shared<Value>(take: (token?: string) => Promise<Value>): (token?: string) => Promise<Value> {
  let taken: { readonly at: number; readonly token?: string | undefined; readonly value: Promise<Value> } | undefined;
  return (token) => {
    const isFresh = taken !== undefined && taken.token === token && Date.now() - taken.at <= 900;
    if (taken === undefined || !isFresh) taken = { at: Date.now(), token, value: take(token) };
    return taken.value;
  };
}
