import { type ChannelModel, type ConfirmChannel, connect, type SocketOptions } from "amqplib";
import { type KeptOpen, keepOpen, type OnError, type Opened } from "./keep-open.ts";
import type { Settings } from "./options.ts";
import { explained } from "./refusal.ts";
import { writeTogether } from "./write-together.ts";

const heartbeatSeconds = 5;
const connectMs = 5_000;
const closeMs = 2_000;
const answerMs = 5_000;

/** What a connection is for. RabbitMQ's own page shows it as `dev publisher`. */
export type Role = "publisher" | "copies" | "subscriber" | "dead letters" | "question" | "redelivery";

/** A connection that comes back, and that `askBroker` may use as long as it is there. */
export async function keepConnection(settings: Settings, role: Role): Promise<KeptOpen<ChannelModel>> {
  const kept = await keepUnshared(settings, role);
  settings.connections.set(kept, role);
  return {
    ...kept,
    async [Symbol.asyncDispose]() {
      settings.connections.delete(kept);
      await kept[Symbol.asyncDispose]();
    },
  };
}

function keepUnshared({ url, tls, namespace, onError }: Settings, role: Role): Promise<KeptOpen<ChannelModel>> {
  const own = { ...tls, clientProperties: { connection_name: `${namespace} ${role}` } };
  return keepOpen(() => openConnection(withHeartbeat(url), own, onError), onError);
}

/**
 * A confirm channel that comes back, with all that `prepare` sets up on it. `lose` gives the channel up: the broker
 * then takes back what was not acknowledged, and a new channel is prepared.
 */
export function keepChannel<Resource>(
  connection: KeptOpen<ChannelModel>,
  prepare: (channel: ConfirmChannel, lose: (error: Error) => void) => Promise<Resource>,
  onError: OnError,
): Promise<KeptOpen<Resource>> {
  return keepOpen(async () => {
    const channel = await (await connection.current()).createConfirmChannel();
    const { promise: lost, resolve: lose } = Promise.withResolvers<Error>();
    let isOpen = true;
    channel.on("error", lose);
    channel.on("close", () => {
      isOpen = false;
      lose(new Error("The channel went with its connection"));
    });
    const close = async () => {
      if (isOpen) await waitAtMost(closeMs, channel.close());
    };
    return openedWith(() => prepare(channel, lose), lost, close);
  }, onError);
}

/**
 * Resolves with what `ask` does, and rejects where that takes more than five seconds. Takes a connection that is open
 * anyway, if there is one that publishes or does not as this does, and else one for the moment: the broker may stop
 * reading from those that publish.
 */
export async function askBroker<Answer>(
  settings: Settings,
  role: "question" | "redelivery",
  ask: (model: ChannelModel) => Promise<Answer>,
): Promise<Answer> {
  const alike: readonly Role[] = role === "redelivery" ? ["publisher", "copies"] : ["subscriber", "dead letters"];
  const [shared] = [...settings.connections].filter(([, other]) => alike.includes(other));
  if (shared) return inTime(shared[0].current().then(ask));
  await using connection = await keepUnshared(settings, role);
  return await inTime(connection.current().then(ask));
}

async function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`RabbitMQ did not answer for ${answerMs} ms`)), answerMs);
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `promise` is settled, either way, and no longer than `ms`. */
export async function waitAtMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([Promise.allSettled([promise]), late]);
  clearTimeout(timer);
}

async function openConnection(url: string, own: SocketOptions, onError: OnError): Promise<Opened<ChannelModel>> {
  const kill = new AbortController();
  const socket = { noDelay: true, keepAlive: true, timeout: connectMs, signal: kill.signal };
  const model = await greet(url, { ...socket, ...own });
  const { promise: lost, resolve: lose } = Promise.withResolvers<Error>();
  let isOpen = true;
  const end = (error?: Error) => {
    isOpen = false;
    lose(error ?? new Error("The connection was closed"));
  };
  model.on("error", end);
  model.on("close", end);
  model.on("blocked", (reason) => onError(new Error(`RabbitMQ takes no messages for now: ${reason}`)));

  // The kill ends what a farewell does not: a socket whose other end is silent.
  const close = async () => {
    if (isOpen) await waitAtMost(closeMs, model.close());
    kill.abort();
  };
  const prove = async () => {
    // Fails where the connection was closed before the listeners above were there.
    await (await model.createChannel()).close();
    return model;
  };
  return openedWith(prove, lost, close);
}

async function greet(url: string, options: SocketOptions): Promise<ChannelModel> {
  try {
    const model = await connect(url, options);
    writeTogether(model);
    return model;
  } catch (error) {
    throw explained(error);
  }
}

async function openedWith<Resource>(
  open: () => Promise<Resource>,
  lost: Promise<Error>,
  close: () => Promise<void>,
): Promise<Opened<Resource>> {
  try {
    return { resource: await open(), lost, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("heartbeat")) parsed.searchParams.set("heartbeat", `${heartbeatSeconds}`);
  return parsed.href;
}
