import { type Database, query } from "@throughline/log";
import { pause } from "./pause.ts";

export type Alerts = {
  /** Takes a POST of `{ text }`, as Slack's incoming webhooks do. */
  readonly webhookUrl: string;
  /** The service that tells: `billing`. */
  readonly service: string;
  /** For how long, in milliseconds, nobody is told again of the same kind of failure. Default: 15 minutes. */
  readonly quietMs?: number;
  /** How long, in milliseconds, the receiver may take. Default: 5,000. */
  readonly timeoutMs?: number;
};

export type Alerting = AsyncDisposable & {
  /** There is a new letter. */
  look(): void;
};

type News = {
  readonly fingerprint: string;
  readonly group: string;
  readonly type: string | null;
  readonly error: string;
  readonly letters: number;
  readonly latest: number;
  /** When it was asked for, or the last of them came, as Postgres writes it. */
  readonly asOf: string;
};

/** How often, in milliseconds, it is tried again to tell of what could not be told. */
const againMs = 10_000;

/**
 * Tells of each kind of failure once per quiet period, beside the draining and never in its way. What a receiver did not
 * take is told again until it does; what was told just before a crash may be told twice.
 */
export function startAlerts(database: Database, alerts: Alerts, onError: (error: Error) => void): Alerting {
  const { quietMs = 15 * 60_000, timeoutMs = 5_000 } = alerts;
  const stopping = new AbortController();
  let news = Promise.withResolvers<void>();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      news = Promise.withResolvers();
      try {
        for (const one of await claimNews(database, { quietMs, claimMs: 2 * timeoutMs })) {
          await post(alerts, one, AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]));
          await noteTold(database, one);
        }
      } catch (cause) {
        if (!stopping.signal.aborted)
          onError(new Error(`Nobody could be told of dead letters yet: ${cause}`, { cause }));
        await pause(Math.min(againMs, quietMs), stopping.signal);
      }
      await Promise.race([news.promise, pause(Math.min(againMs, quietMs), stopping.signal)]);
    }
  }
  const running = run();
  return {
    look: () => news.resolve(),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

/** Kinds with letters since somebody was told, whose quiet period is over; no other process gets them for a while. */
function claimNews(database: Database, { quietMs, claimMs }: { quietMs: number; claimMs: number }): Promise<News[]> {
  return query<News>(
    database,
    "dead_letter_news",
    `with news as (
       select d.fingerprint, min(group_name) as "group", min(type) as type, min(error_message) as error,
         count(*)::int as letters, max(number)::float8 as latest, greatest(now(), max(d.drained_at))::text as "asOf"
       from dead_letters d left join dead_letter_alerts a using (fingerprint)
       where state in ('open', 'quarantined') and d.drained_at > coalesce(a.told_at, '-infinity')
         and coalesce(a.told_at, '-infinity') < clock_timestamp() - $1::float8 * interval '1 millisecond'
       group by d.fingerprint limit 10
     ), claimed as (
       insert into dead_letter_alerts as a (fingerprint, claimed_until)
       select fingerprint, clock_timestamp() + $2::float8 * interval '1 millisecond' from news
       on conflict (fingerprint) do update set claimed_until = excluded.claimed_until
       where a.claimed_until < clock_timestamp() returning fingerprint
     )
     select news.* from news join claimed using (fingerprint)`,
    [quietMs, claimMs],
  );
}

async function post({ webhookUrl, service }: Alerts, news: News, signal: AbortSignal): Promise<void> {
  const { fingerprint, group, type, error, letters, latest } = news;
  const what = `${letters === 1 ? "A message" : `${letters} messages`}${type === null ? "" : ` ${type}`}`;
  const text = `${what} failed in ${group}: ${error.slice(0, 300)}\n\`npm run dead-letters -- show ${service}-${latest}\` (kind ${fingerprint})`;
  const response = await fetch(webhookUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text }),
    redirect: "error",
    signal,
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The receiver of alerts answered ${response.status}`);
}

/** What came since it was asked for has not been told. */
async function noteTold(database: Database, { fingerprint, asOf }: News): Promise<void> {
  const text = "update dead_letter_alerts set told_at = $2, claimed_until = '-infinity' where fingerprint = $1";
  await query(database, "dead_letter_told", text, [fingerprint, asOf]);
}
