import type { Flow } from "./flow.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";
import type { Rush } from "./rush.ts";
import type { BrokerSwitch } from "./switchboard.ts";
import type { Behaviour } from "./trials.ts";
import { brokerName, duration, many } from "./words.ts";

/** What can be tried, and how it stands. A text in place of something says why it is not known. */
export type Trials = {
  readonly isOperator: boolean;
  readonly flow: Flow;
  readonly waiting: number;
  readonly rush: Rush | undefined;
  /** The order of the last poison message. */
  readonly poisoned: string | undefined;
  readonly behaviour: Behaviour | string;
  /** Absent where this console may stop none. */
  readonly brokers: readonly BrokerSwitch[] | string | undefined;
};

/** Everything that a person may break here, and what happens then. */
export function tryPage(trials: Trials): Page {
  const { isOperator, rush, poisoned, behaviour, brokers } = trials;
  return {
    title: "Try it",
    isLive: true,
    body: html`<p>Break something, and watch the <a href="/">flow</a> heal. Nothing is lost, and nothing happens twice.</p>
    ${isOperator ? undefined : html`<p class="wait">To press a button here, <a href="/sign-in?next=/try">sign in</a> as an operator.</p>`}
    <div class="trials">
    ${trial(
      "An order, or a thousand",
      html`They go in by the order service's door, eight at a time. The outbox grows, and all of
      them are charged and reserved once.`,
      [button("orders", { count: 1 }, "Place an order"), button("orders", { count: 1_000 }, "Place 1,000 orders")],
    )}
    ${trial(
      "A poison message",
      html`An order that lacks its total, as a sender with a bug would tell of it. Who cannot read it sets
      it aside as a dead letter, and nothing else waits for it.`,
      [button("poison", {}, "Send a poison message")],
    )}
    ${trial(
      "A slow consumer, and a provider that drops answers",
      html`The payment provider takes two seconds for each charge, and
      billing's work waits; or it moves the money and drops every second answer, and the work is done again without charging
      twice.`,
      [
        button("provider", { behaviour: "slow" }, "Make it slow"),
        button("provider", { behaviour: "drops" }, "Let it drop answers"),
        button("provider", { behaviour: "well" }, "Let it behave"),
      ],
    )}
    ${trial(
      "A broker that is down",
      html`What is told waits in the outbox until the broker is back. ${
        brokers === undefined
          ? html`<strong>Nothing that this console may stop is here: only <code>npm start</code> lets it, which starts Kafka and
          RabbitMQ itself.</strong>`
          : undefined
      }`,
      Array.isArray(brokers) ? brokers.flatMap(brokerButtons) : [],
    )}
    </div>
    <h2>How it stands</h2><ul class="standing">
      <li>${rushLine(rush)}</li>
      <li>${poisoned === undefined ? "No poison message was sent from here." : html`The last poison message was of order ${poisoned}.`}</li>
      <li>${behaviourLine(behaviour)}</li>
      ${brokersLines(brokers)}
      <li>${many(trials.waiting, "message")} ${trials.waiting === 1 ? "waits" : "wait"} for somebody.</li>
      ${trials.flow.troubles.map(({ text, href, down }) => html`<li><a class="${down.length > 0 ? "bad" : "wait"}" href="${href}">${text}</a></li>`)}
    </ul>`,
  };

  function button(action: string, fields: Readonly<Record<string, string | number>>, words: string): Html {
    return html`<form method="post" action="/try/${action}">${Object.entries(fields).map(
      ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
    )}<button type="submit" ${isOperator ? undefined : html`disabled`}>${words}</button></form>`;
  }

  function brokerButtons({ name }: BrokerSwitch): Html[] {
    return [
      button("brokers", { name, to: "off" }, `Stop ${brokerName(name)}`),
      button("brokers", { name, to: "on" }, `Start ${brokerName(name)}`),
    ];
  }
}

function trial(title: string, words: Html, buttons: readonly Html[]): Html {
  return html`<section class="card"><h2>${title}</h2><p>${words}</p><div class="buttons">${buttons}</div></section>`;
}

function rushLine(rush: Rush | undefined): Html {
  if (rush === undefined) return html`No order was placed from here.`;
  const { wanted, placed, failed, reason, orderId } = rush;
  return html`<progress max="${wanted}" value="${placed + failed}" aria-label="Orders that were answered"></progress>
    ${placed.toLocaleString("en")} of ${many(wanted, "order")} placed${failed > 0 ? html`, <span class="bad">${failed} refused: ${reason}</span>` : undefined}.
    ${orderId === undefined ? undefined : html`<a href="/orders/${orderId}">The last one</a>`}`;
}

function behaviourLine(behaviour: Behaviour | string): Html {
  if (typeof behaviour === "string") return html`<span class="bad">The payment provider: ${behaviour}</span>`;
  const { latencyMs, dropAnswerRate } = behaviour;
  if (latencyMs === 0 && dropAnswerRate === 0) return html`The payment provider behaves.`;
  const faults = [
    ...(latencyMs > 0 ? [`takes ${duration(latencyMs)} for each answer`] : []),
    ...(dropAnswerRate > 0 ? [`drops ${dropAnswerRate * 100} of 100 answers`] : []),
  ];
  return html`<span class="wait">The payment provider ${faults.join(" and ")}.</span>`;
}

function brokersLines(brokers: Trials["brokers"]): Html[] {
  if (brokers === undefined) return [];
  if (typeof brokers === "string") return [html`<li class="bad">Who starts the brokers: ${brokers}</li>`];
  return brokers.map(({ name, isOn, isTurning, reason }) => {
    const state = isTurning ? (isOn ? "is being stopped" : "is being started") : isOn ? "runs" : "is stopped";
    return html`<li class="${isOn && !isTurning ? "" : "wait"}">${brokerName(name)} ${state}.${reason && html` <span class="bad">${reason}</span>`}</li>`;
  });
}
