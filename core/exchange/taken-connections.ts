/**
 * The connections that one plugin has taken over. The exchanges that they came of are over, so nobody else would know
 * that a plugin which leaves still has them.
 */
export interface BreakableConnection {
  /** At once, whatever is under way. */
  destroy(): void;
}

export class TakenConnections {
  readonly #open = new Set<BreakableConnection>();
  #isOver = false;
  #whenNone: (() => void)[] = [];

  /** Nothing more is taken over. */
  get isOver(): boolean {
    return this.#isOver;
  }

  add(connection: BreakableConnection): void {
    this.#open.add(connection);
  }

  delete(connection: BreakableConnection): void {
    if (!this.#open.delete(connection) || this.#open.size > 0) return;
    for (const resolve of this.#whenNone) resolve();
    this.#whenNone = [];
  }

  /** Resolves when none is open. */
  none(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenNone.push(resolve));
  }

  /** From now on there are none. @returns how many had to be broken off. */
  end(): number {
    this.#isOver = true;
    const open = [...this.#open];
    for (const connection of open) connection.destroy();
    return open.length;
  }
}
