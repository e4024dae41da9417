import { element } from "./element.js";
import { drawFlow, followSize } from "./flow.js";

const byId = (id) => document.getElementById(id);
const state = byId("state");
let before;

function linkTo(orderId) {
  const link = element("a", "", element("code", "", orderId));
  link.href = `/orders/${encodeURIComponent(orderId)}`;
  return link;
}
const row = (...cells) => element("tr", "", ...cells);
const cell = (text, className) => element("td", className ?? "", text);
const number = (value, className) => cell(value.toLocaleString("en"), `number ${className ?? ""}`);
const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const uptime = (s) => (s < 120 ? `${s} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`);
const colour = {
  completed: "good",
  charged: "good",
  reserved: "good",
  "not-needed": "good",
  cancelled: "bad",
  failed: "bad",
  rejected: "bad",
  placed: "wait",
  pending: "wait",
};

function rate(now, earlier, at, earlierAt) {
  if (earlier === undefined || now < earlier) return 0;
  return Math.round(((now - earlier) / (at - earlierAt)) * 10000) / 10;
}

function show(snapshot) {
  const focused = document.activeElement?.getAttribute("href");
  const earlier = before?.services ?? [];
  const statusBefore = (name) => earlier.find((service) => service.name === name)?.status;
  byId("services").replaceChildren(
    ...snapshot.services.map(({ name, url, isReady, reason, status }) =>
      element(
        "div",
        "card",
        element("h3", "", name, element("span", isReady ? "good" : "bad", isReady ? "ready" : "not ready")),
        element("p", "", element("code", "", url)),
        element(
          "p",
          reason ? "bad" : "",
          reason ??
            `up ${uptime(status.uptimeSeconds)} · ${Math.round(status.rssBytes / 1048576)} MB · process ${status.pid}`,
        ),
      ),
    ),
  );

  byId("out").replaceChildren(
    ...snapshot.services.flatMap(({ name, status }) =>
      (status?.relay ?? []).map((to) => {
        const past = statusBefore(name)?.relay.find((each) => each.destination === to.destination);
        return row(
          cell(name),
          cell(to.destination),
          number(rate(to.publishedTotal, past?.publishedTotal, snapshot.at, before?.at)),
          number(to.publishedTotal),
          number(to.waiting, to.waiting ? "wait" : ""),
          cell(to.waiting ? seconds(to.oldestMs) : "–", "number"),
          number(to.parked, to.parked ? "wait" : ""),
          number(to.dead, to.dead ? "bad" : ""),
        );
      }),
    ),
  );

  byId("in").replaceChildren(
    ...snapshot.services.flatMap(({ name, status }) =>
      (status?.consumers ?? []).flatMap((consumer) => {
        const past = statusBefore(name)?.consumers.find((each) => each.group === consumer.group);
        const handled = rate(consumer.handled, past?.handled, snapshot.at, before?.at);
        return consumer.roads.map((road) =>
          row(
            cell(consumer.group),
            road.reason ? cell(`${road.road}: ${road.reason}`, "bad error") : cell(road.road),
            number(handled),
            number(consumer.handled),
            number(consumer.inFlight),
            number(road.waiting, road.waiting ? "wait" : ""),
            number(consumer.duplicates),
            number(road.deadLetters, road.deadLetters ? "bad" : ""),
          ),
        );
      }),
    ),
  );

  byId("orders").replaceChildren(
    ...snapshot.orders.map((order) =>
      row(
        cell(linkTo(order.orderId)),
        cell(order.customerId),
        cell(
          order.status + (order.reason ? ` (${order.reason})` : "") + (order.express ? " · express" : ""),
          colour[order.status],
        ),
        cell(order.payment, colour[order.payment]),
        cell(order.stock, colour[order.stock]),
        cell(`${(order.totalInCents / 100).toFixed(2)} ${order.currency}`, "number"),
        cell(new Date(order.placedAt).toLocaleTimeString()),
      ),
    ),
  );

  if (snapshot.orders.length === 0)
    byId("orders").replaceChildren(row(cell("No orders yet: place one with POST /orders.", "dim")));
  drawFlow(byId("flow"), snapshot.flow);
  // What was drawn anew has lost it, and with it whoever goes by keyboard would.
  if (focused && document.activeElement === document.body)
    document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  before = snapshot;
  state.textContent = `live, ${new Date(snapshot.at).toLocaleTimeString()}`;
  state.className = "dim";
}

followSize(byId("flow"));
const events = new EventSource("/events");
events.onmessage = ({ data }) => show(JSON.parse(data));
events.onerror = () => {
  state.textContent = "the console does not answer; trying again …";
  state.className = "bad";
};
