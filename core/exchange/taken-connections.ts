/**
 * The connections that one plugin has taken over. Their exchanges are over, so nothing else shows that a plugin which a
 * reload removes still has them.
 */
export interface BreakableConnection {
  /** Closes the connection at once, whatever is in progress. */
  destroy(): void;
}

export class TakenConnections {
  readonly #open = new Set<BreakableConnection>();
  #isOver = false;
  #whenNone: (() => void)[] = [];

  /** True after `end`: no connection may be taken over any more. */
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

  /** Resolves when no connection is open. */
  none(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenNone.push(resolve));
  }

  /** Forbids further take-overs and destroys the open connections. @returns how many were destroyed. */
  end(): number {
    this.#isOver = true;
    const open = [...this.#open];
    for (const connection of open) connection.destroy();
    return open.length;
  }
}
