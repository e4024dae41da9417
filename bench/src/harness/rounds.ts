import type { Answer, Bench, Place } from "./bench.ts";
import { startContender } from "./contender.ts";
import { voidRounds } from "./statistics.ts";

/** The figures of one round, by contender and name. */
export type RoundFigures = Readonly<Record<string, Readonly<Record<string, number>>>>;

export type Rounds = {
  readonly valid: readonly RoundFigures[];
  /** Those that do not count, because the machine was another in them. */
  readonly void: readonly RoundFigures[];
  /** Why a contender's figures count for nothing, by contender. */
  readonly refused: Readonly<Record<string, string>>;
};

export type RoundOptions = {
  readonly rounds: number;
  readonly openPlace: () => Promise<{ readonly place: Place } & AsyncDisposable>;
  readonly onAnswer: (round: number, contender: string, answer: Answer) => void;
  readonly signal: AbortSignal;
};

/**
 * Lets all contenders measure in turn, A B C A B C …, until enough rounds count, or twice as many were tried. The first
 * round only warms up. Whoever is refused once is out.
 */
export async function runRounds(bench: Bench, options: RoundOptions): Promise<Rounds> {
  await using opened = new AsyncDisposableStack();
  const contenders = bench.contenders.map((name) => ({ name, ...opened.use(startContender(bench.name, name)) }));
  const refused: Record<string, string> = {};
  const rounds: RoundFigures[] = [];
  const [probe] = bench.contenders;
  const [{ name: mainFigure }] = bench.figures;

  async function runRound(number: number): Promise<RoundFigures> {
    const figures: Record<string, Readonly<Record<string, number>>> = {};
    for (const { name, measure } of contenders.filter(({ name }) => !(name in refused))) {
      options.signal.throwIfAborted();
      await using opened = await options.openPlace();
      const answer = await measure(opened.place);
      options.onAnswer(number, name, answer);
      if ("refused" in answer) refused[name] = answer.refused;
      else figures[name] = answer.figures;
    }
    return figures;
  }

  // Nobody says of itself in which round it was measured well.
  const hasProbe = contenders.length > 1;
  const voids = () => voidRounds(hasProbe ? rounds.map((figures) => figures[probe]?.[mainFigure] ?? 0) : []);
  if (bench.warmsUp !== false) await runRound(0);
  while (!(probe in refused) && rounds.length - voids().size < options.rounds && rounds.length < 2 * options.rounds) {
    rounds.push(await runRound(rounds.length + 1));
  }
  const isVoid = voids();
  const those = (wanted: boolean) => rounds.filter((_, index) => isVoid.has(index) === wanted);
  return { valid: those(false), void: those(true), refused };
}
