/** Runs work one after another per key and side by side across keys, never more than a cap at the same time. */
export type KeyQueue = {
  /**
   * Runs `work` once all earlier work of `key` has ended and a place is free. Where `work` returns a pause, it is run
   * anew after it: until then it keeps its key, and gives its place to other keys. Resolves with true when the work has
   * ended, with false where `stop` came before it began or in a pause; rejects with what `work` threw.
   */
  add(key: string, work: Work): Promise<boolean>;
  /** Works that run, wait or pause. */
  readonly size: number;
  /** Places that nothing runs in or is ready for. Work that pauses, or waits for its key, needs none. */
  readonly idle: number;
  /** Resolves when `isReached`, which is asked whenever something changes here, or the queue is stopped. */
  until(isReached: () => boolean): Promise<void>;
  /** Resolves when fewer than `limit` works are in the queue, or it is stopped: await it before fetching more. */
  room(limit: number): Promise<void>;
  /** Uses places that have come free because the cap rose, and asks those who wait. */
  advance(): void;
  /** Drops what has not begun, ends all pauses and resolves when the running work has ended. Later work is dropped. */
  stop(): Promise<void>;
};

export type Work = () => Promise<Pause | undefined>;

export type Pause = { readonly delayMs: number };

type Task = { readonly key: string; readonly work: Work; readonly ran: PromiseWithResolvers<boolean> };

/**
 * `concurrency` is the cap, or a function where it changes. For a transport without order, give each message a key of
 * its own: what remains is the cap.
 */
export function createKeyQueue(concurrency: number | (() => number)): KeyQueue {
  const cap = typeof concurrency === "number" ? () => concurrency : concurrency;
  /** Per key: the task that runs, pauses or is ready, and behind it those that wait for it. */
  const lanes = new Map<string, Task[]>();
  const ready: Task[] = [];
  const paused = new Map<Task, NodeJS.Timeout>();
  const watchers = new Set<() => void>();
  let size = 0;
  let running = 0;
  let stopped = false;

  return {
    add(key, work) {
      const task: Task = { key, work, ran: Promise.withResolvers() };
      const lane = lanes.get(key);
      if (lane === undefined) {
        lanes.set(key, [task]);
        ready.push(task);
      } else lane.push(task);
      size += 1;
      advance();
      return task.ran.promise;
    },
    get size() {
      return size;
    },
    advance,
    get idle() {
      return cap() - running - ready.length;
    },
    until: (isReached) => until(() => stopped || isReached()),
    room: (limit) => until(() => stopped || size < limit),
    stop() {
      stopped = true;
      for (const task of paused.keys()) resume(task);
      advance();
      return until(() => size === 0);
    },
  };

  function advance(): void {
    while (stopped || running < cap()) {
      const task = ready.shift();
      if (task === undefined) break;
      if (stopped) end(task, () => task.ran.resolve(false));
      else void run(task);
    }
    for (const watcher of watchers) watcher();
  }

  async function run(task: Task): Promise<void> {
    running += 1;
    try {
      const pause = await task.work();
      if (pause === undefined) end(task, () => task.ran.resolve(true));
      else if (stopped) end(task, () => task.ran.resolve(false));
      else paused.set(task, setTimeout(resume, pause.delayMs, task));
    } catch (error) {
      end(task, () => task.ran.reject(error));
    }
    running -= 1;
    advance();
  }

  function resume(task: Task): void {
    clearTimeout(paused.get(task));
    paused.delete(task);
    ready.push(task);
    advance();
  }

  function end(task: Task, settle: () => void): void {
    const lane = lanes.get(task.key);
    lane?.shift();
    const successor = lane?.[0];
    if (successor === undefined) lanes.delete(task.key);
    else ready.push(successor);
    size -= 1;
    settle();
  }

  function until(isReached: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = () => {
      if (!isReached()) return;
      watchers.delete(watcher);
      resolve();
    };
    watchers.add(watcher);
    watcher();
    return promise;
  }
}
