import { createEnvelope, type Envelope } from "@throughline/envelope";
import { uniqueName } from "@throughline/local/testing";
import { expect, test } from "vitest";
import { PublishError } from "../publish-error.ts";
import { type Answer, type Call, startFaultProxy } from "./fault-proxy.ts";
import { account, snsSqsUnderTest } from "./under-test.ts";

test.concurrent("a batch that fails in part names exactly what failed, and whether it was refused", async () => {
  await using broker = await brokerWithFaults();
  const sent = orders(10);
  broker.proxy.intercept = (call) =>
    call.action === "PublishBatch" ? partly(call, { 3: "Sender", 7: "Receiver" }) : undefined;

  const error = await publishError(broker.publish(sent));
  expect(error.failures).toMatchObject([
    { id: sent[3]?.id, refused: true, cause: { message: "SNS answered Sender: no" } },
    { id: sent[7]?.id, refused: false, cause: { message: "SNS answered Receiver: no" } },
  ]);
});

test.concurrent("a message that is too large is refused, and its neighbours arrive", async () => {
  await using broker = await brokerWithFaults();
  await broker.declareBilling();
  const huge = order("order-huge", "x".repeat(300_000));
  const behind = order("order-huge");
  const neighbours = orders(3);

  const error = await publishError(broker.publish([...neighbours, huge, behind]));
  expect(error.failures).toMatchObject([
    { id: huge.id, refused: true },
    { id: behind.id, refused: false, cause: { message: "Not sent, because one ahead of it failed" } },
  ]);
  const arrived = await broker.stranger.take("billing", 3);
  expect(arrived.map(({ Body = "" }) => JSON.parse(Body).id).sort()).toEqual(neighbours.map(({ id }) => id).sort());
});

test.concurrent("one entry that SNS dislikes does not take its batch along", async () => {
  await using broker = await brokerWithFaults();
  await broker.declareBilling();
  const [disliked, ...others] = orders(4) as [Envelope, ...Envelope[]];
  broker.proxy.intercept = ({ action, body }) =>
    action === "PublishBatch" && body.includes(disliked.id) ? refusal : undefined;

  const error = await publishError(broker.publish([disliked, ...others]));
  expect(error.failures).toMatchObject([{ id: disliked.id, refused: true }]);
  expect(await broker.stranger.take("billing", 3)).toHaveLength(3);
});

test.concurrent("an outage in the midst names what the broker may lack", async () => {
  await using broker = await brokerWithFaults();
  const [first, second] = [order("order-1"), order("order-1", "", "order.cancelled")];
  await broker.publish([order("order-0"), order("order-0", "", "order.cancelled")]);
  broker.proxy.intercept = ({ action, body }) =>
    action === "PublishBatch" && body.includes(second.id) ? "down" : undefined;

  const error = await publishError(broker.publish([first, second]));
  expect(error.failures).toMatchObject([{ id: second.id, refused: false }]);
});

test.concurrent("a broker that is away is no failure of the messages, and one that is back gets them", async () => {
  await using broker = await brokerWithFaults();
  broker.proxy.intercept = () => "down";
  const publishing = broker.publish(orders(30));
  await expect(publishing).rejects.toThrow("SNS took none of 30 envelopes");
  await expect(publishing).rejects.not.toBeInstanceOf(PublishError);

  broker.proxy.intercept = () => undefined;
  await broker.publish(orders(30));
});

test.concurrent("a hundred messages are ten calls", async () => {
  await using broker = await brokerWithFaults();
  await broker.publish(orders(100));
  expect(broker.proxy.calls.filter(({ action }) => action === "PublishBatch")).toHaveLength(10);
  expect(broker.proxy.calls.filter(({ action }) => action === "CreateTopic")).toHaveLength(1);
});

test.concurrent("a message never goes out before the one ahead of it in its key has arrived", async () => {
  await using broker = await brokerWithFaults();
  const created = orders(20);
  const cancelled = created.map(({ key }) => order(key, "", "order.cancelled"));
  await broker.publish([...created, ...cancelled]);
  const types = broker.proxy.calls
    .filter(({ action }) => action === "PublishBatch")
    .map(({ body }) => (body.includes("order.created") ? "created" : "cancelled"));
  expect(types).toEqual(["created", "created", "cancelled", "cancelled"]);
});

test.concurrent("a topic that was deleted is an error, and there again for the next attempt", async () => {
  await using broker = await brokerWithFaults();
  await broker.publish(orders(1));
  broker.proxy.intercept = ({ action }) => (action === "PublishBatch" ? missingTopic : undefined);
  await publishError(broker.publish(orders(1)));
  broker.proxy.intercept = () => undefined;
  await broker.publish(orders(1));
  expect(broker.proxy.calls.filter(({ action }) => action === "CreateTopic")).toHaveLength(2);
});

test.concurrent("a closed publisher takes nothing", async () => {
  await using broker = await brokerWithFaults();
  await broker.close();
  const error = await publishError(broker.publish(orders(1)));
  expect(error.failures).toMatchObject([{ refused: false, cause: { message: "The publisher is closed" } }]);
});

async function brokerWithFaults() {
  const proxy = await startFaultProxy(account.endpoint);
  const { transport, stranger } = snsSqsUnderTest(uniqueName("t"), { endpoint: proxy.url });
  const publisher = await transport.connectPublisher();
  return {
    proxy,
    stranger,
    publish: (envelopes: readonly Envelope[]) => publisher.publish(envelopes),
    close: () => publisher[Symbol.asyncDispose](),
    async declareBilling() {
      await using subscriber = await transport.connectSubscriber();
      await subscriber.subscribe({ group: "billing", types: ["order.created"], handler: async () => {} });
    },
    async [Symbol.asyncDispose]() {
      await publisher[Symbol.asyncDispose]();
      stranger[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

async function publishError(publishing: Promise<void>): Promise<PublishError> {
  const outcome: unknown = await publishing.then(
    () => "published",
    (error: unknown) => error,
  );
  if (outcome instanceof PublishError) return outcome;
  throw new Error("Expected a PublishError", { cause: outcome });
}

function orders(count: number): Envelope[] {
  return Array.from({ length: count }, (_, n) => order(`order-${n + 1}`));
}

function order(key: string, data = "", type = "order.created"): Envelope {
  return createEnvelope({ type, version: "1", key, data }, { source: "test" });
}

/** SNS's answer to a batch in which the entries of these indexes failed, by whose fault. */
function partly({ body }: Call, failed: Readonly<Record<number, "Sender" | "Receiver">>): Answer {
  const ids = [...new URLSearchParams(body)].filter(([name]) => name.endsWith(".Id")).map(([, id]) => Number(id));
  const taken = ids.filter((id) => !(id in failed)).map((id) => `<member><Id>${id}</Id></member>`);
  const refused = Object.entries(failed).map(
    ([id, fault]) =>
      `<member><Id>${id}</Id><Code>${fault}</Code><Message>no</Message><SenderFault>${fault === "Sender"}</SenderFault></member>`,
  );
  const result = `<Successful>${taken.join("")}</Successful><Failed>${refused.join("")}</Failed>`;
  return xml(200, `<PublishBatchResponse><PublishBatchResult>${result}</PublishBatchResult></PublishBatchResponse>`);
}

const refusal = xml(400, errorBody("InvalidParameter", "Invalid parameter: Message"));
const missingTopic = xml(404, errorBody("NotFound", "Topic does not exist"));

function errorBody(code: string, message: string): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
}

function xml(status: number, body: string): Answer {
  return { status, contentType: "text/xml", body };
}
