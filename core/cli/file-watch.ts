/**
 * Notices when something else stands behind the name of a file than before, however that came about. It looks, instead
 * of waiting for events of the folder: those miss the change of a link on the way to the file (a mounted ConfigMap, a
 * `current` that is switched), and come over no network.
 */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** A look is one call of the system. */
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
  /** As it was told last, and as it was at the last look. */
  #told: string;
  #seen: string;
  #looking: NodeJS.Timeout | undefined;

  /** @param file Absolute. What it is now is where changes are counted from. */
  constructor(file: string) {
    this.#file = file;
    this.#told = now(file);
    this.#seen = this.#told;
  }

  /** Alone it keeps no process alive. */
  start(changed: () => void): void {
    let isLooking = false;
    const look = async (): Promise<void> => {
      if (isLooking) return;
      isLooking = true;
      const seen = await later(this.#file);
      isLooking = false;
      // An editor writes in several steps: what is not as it was at the last look may still be on its way.
      const isSettled = seen === this.#seen;
      this.#seen = seen;
      if (!isSettled || seen === this.#told || this.#looking === undefined) return;
      this.#told = seen;
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
    return told(statSync(file, { bigint: true }));
  } catch {
    return '';
  }
}

/** `''` where there is none. */
async function later(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(told, () => '');
}

function told({ dev, ino, size, mtimeNs, ctimeNs }: Identity): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
