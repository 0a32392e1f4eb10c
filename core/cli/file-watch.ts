/**
 * Notices when the name of a file leads to other content than before, for whatever reason. It polls instead of waiting
 * for events of the folder: those miss a changed link on the way to the file (a mounted ConfigMap, a `current` link
 * that is switched), and do not work over a network.
 */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** A check is one system call. */
const LOOK_EVERY_MS = 100;

interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export class FileWatch {
  readonly #file: string;
  /** The state that was last reported, and the state at the last check. */
  #reported: string;
  #seen: string;
  #looking: NodeJS.Timeout | undefined;

  /** @param file Absolute. Changes are counted from its current state. */
  constructor(file: string) {
    this.#file = file;
    this.#reported = now(file);
    this.#seen = this.#reported;
  }

  /** The timer does not keep the process alive. */
  start(changed: () => void): void {
    let isLooking = false;
    const look = async (): Promise<void> => {
      if (isLooking) return;
      isLooking = true;
      const seen = await later(this.#file);
      isLooking = false;
      // An editor writes in several steps: if the file differs from the last check, it may still be incomplete.
      const isSettled = seen === this.#seen;
      this.#seen = seen;
      if (!isSettled || seen === this.#reported || this.#looking === undefined) return;
      this.#reported = seen;
      changed();
    };
    this.#looking = setInterval(() => void look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }
}

function now(file: string): string {
  try {
    return identityOf(statSync(file, { bigint: true }));
  } catch {
    return '';
  }
}

/** `''` if there is no file. */
async function later(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(identityOf, () => '');
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: Identity): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
