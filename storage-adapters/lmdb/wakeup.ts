/**
 * Wakes readers that wait for changes: at once for changes of this process, at intervals for those of other processes.
 */
export class Wakeup {
  readonly #pollMs: number;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Settles, never rejects. */
  changed(signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        if (this.#waiting.size === 0) this.#stop();
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.#waiting.add(wake);
      this.#timer ??= setInterval(() => this.wake(), this.#pollMs).unref();
    });
  }

  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  close(): void {
    this.#closed = true;
    this.wake();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
