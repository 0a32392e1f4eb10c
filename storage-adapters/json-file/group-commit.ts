/**
 * One group of commits in flight at a time: while it is being made durable the next one gathers, so many writers
 * share the cost of one sync.
 *
 * A commit is judged when its group begins, never before: then every commit that could decide about it is durable
 * or has failed, and no answer rests on one that may still fail.
 */

/** A group waits no longer for more of its kind: a turn may be long where the server does other work. */
const MOST_WAIT_MS = 2;

export class GroupCommit<Work, Answer> {
  readonly #perform: (group: readonly Work[]) => Promise<readonly Answer[]>;
  readonly #mostWaitMs: number;
  #gathering: Member<Work, Answer>[] = [];
  #between: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param perform Answers in the order of the group; where it rejects, every member of the group does.
   * @param mostWaitMs How long a group waits for more while more come, in milliseconds.
   */
  constructor(perform: (group: readonly Work[]) => Promise<readonly Answer[]>, mostWaitMs = MOST_WAIT_MS) {
    this.#perform = perform;
    this.#mostWaitMs = mostWaitMs;
  }

  add(work: Work): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#gathering.push({ work, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Does something while no group is in flight. */
  between<T>(job: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#between.push(() => job().then(resolve, reject));
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is in flight and nothing waits. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Until a turn of the event loop brings nobody more: most who were just answered ask again in the next few. */
  async #gathered(): Promise<void> {
    const began = performance.now();
    for (let before = 0; this.#gathering.length > before; ) {
      before = this.#gathering.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (performance.now() - began > this.#mostWaitMs) return;
    }
  }

  async #run(): Promise<void> {
    // A job that asks for another while it begins must find this one running.
    await undefined;
    while (this.#gathering.length + this.#between.length > 0) {
      for (const job of this.#between.splice(0)) await job();
      await this.#gathered();
      const group = this.#gathering;
      if (group.length === 0) continue;
      this.#gathering = [];
      try {
        const answers = await this.#perform(group.map(({ work }) => work));
        for (const [at, { resolve }] of group.entries()) resolve(answers[at]!);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = undefined;
  }
}

interface Member<Work, Answer> {
  readonly work: Work;
  resolve(answer: Answer): void;
  reject(reason: unknown): void;
}
