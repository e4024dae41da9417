/** What every broker is started with. */
export type BrokerOptions = {
  readonly port: number;
  /** The broker's own folder, which holds its data, output and pid. Made where it is missing. */
  readonly dataDir: string;
  /** Told, in a sentence, what a person should know. */
  readonly log: (sentence: string) => void;
};

export type Broker = { readonly url: string; readonly pid: number } & AsyncDisposable;
