/**
 * At most one group of commits is written at a time. The next group gathers meanwhile, so many writers share the cost
 * of one sync.
 *
 * A commit is judged when its group begins, never before. Then every earlier commit is durable or has failed, so no
 * answer depends on one that may still fail.
 */

/** The longest wait for more commits: a turn of the event loop may be long if the server does other work. */
const MOST_WAIT_MS = 2;

export class GroupCommit<Work, Answer> {
  readonly #perform: (group: readonly Work[]) => Promise<readonly Answer[]>;
  readonly #mostWaitMs: number;
  #gathering: Member<Work, Answer>[] = [];
  #between: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param perform Returns the answers in the order of the group. If it rejects, every member of the group does.
   * @param mostWaitMs How long a group waits while more commits come, in milliseconds.
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

  /** Runs a job while no group is in flight. */
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

  /**
   * Waits until a turn of the event loop adds no commit: most callers that just got an answer commit again within a few
   * turns.
   */
  async #gathered(): Promise<void> {
    const began = performance.now();
    for (let before = 0; this.#gathering.length > before; ) {
      before = this.#gathering.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (performance.now() - began > this.#mostWaitMs) return;
    }
  }

  async #run(): Promise<void> {
    // If a job asks for another one right away, it must find this run.
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
