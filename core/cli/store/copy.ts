/**
 * Copies entries into a store, page by page, and reads them back; for `import` and `migrate`.
 *
 * Each page is one commit, so an interrupted copy leaves exactly the beginning of its source, and can be continued with
 * `resume`: the entries in the target are compared with the source, and the following ones are copied.
 */
import { ERRORS, JackfieldError } from '../../errors.js';
import type { Entry } from '../../storage/contract.js';
import { quoted, type StorageDoor } from '../../storage/storage-door.js';
import { livesInProcess, type NamedStore } from './named-store.js';
import { entriesOf, pagesOf } from './pages.js';
import { entryCount, type Progress } from './progress.js';
import { withOpen } from './stoppable.js';
import { differenceOf, Tally, type Totals } from './tally.js';

type Copied = Pick<Entry, 'key' | 'value' | 'expiresAt'>;

/** The bounds of one commit. */
const COMMIT_ENTRIES = 1_000;
const COMMIT_CHARACTERS = 1_048_576;

export interface CopyOptions {
  readonly resume: boolean | undefined;
  readonly merge: boolean | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Copy extends Totals {
  /** The number of entries that the target already had. */
  readonly resumed: number;
}

/**
 * @param source Returns the same entries in the same order on each call.
 * Errors: STORE_NOT_EMPTY, STORE_DIFFERS, those of the source and of the target.
 */
export async function copyInto(
  target: StorageDoor,
  source: () => AsyncIterable<Copied>,
  options: CopyOptions,
): Promise<Copy> {
  const isEmpty = (await target.list({ limit: 1 })).entries.length === 0;
  if (!isEmpty && options.resume !== true && options.merge !== true) {
    throw new JackfieldError(
      'STORE_NOT_EMPTY',
      'Continue an interrupted copy with --resume, or add the entries to the existing ones with --merge.',
    );
  }
  const copy = new CopyRun(target, options);
  const entries = source()[Symbol.asyncIterator]();
  try {
    if (options.resume === true && !isEmpty) await copy.resumeOn(entries);
    await copy.rest(entries);
  } catch (error) {
    throw options.merge === true ? error : withWayOn(error, copy.stored);
  } finally {
    await entries.return?.();
  }
  const totals = copy.finish();
  if (options.merge === true) await mustHold(target, source(), options);
  else await mustBeSame(target, totals, options);
  return totals;
}

class CopyRun {
  readonly #target: StorageDoor;
  readonly #options: CopyOptions;
  readonly #tally = new Tally();
  #resumed = 0;

  constructor(target: StorageDoor, options: CopyOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Skips the entries that the target already has. Errors: STORE_DIFFERS. */
  async resumeOn(source: AsyncIterator<Copied>): Promise<void> {
    for await (const there of entriesOf(pagesOf(this.#target, this.#options.signal))) {
      for (;;) {
        const { done, value: next } = await source.next();
        if (done === true) throw differs(there.key, 'is not in the source');
        if (next.key === there.key && next.value === there.value) {
          this.#tally.add(next);
          this.#resumed += 1;
          break;
        }
        // An entry that has expired since may be missing in the target.
        const expired = next.expiresAt !== undefined && next.expiresAt <= Date.now();
        if (expired) continue;
        throw next.key === there.key
          ? differs(there.key, 'has another value than the source')
          : differs(there.key, `is at the place where the source has ${quoted(next.key)}`);
      }
      this.#options.progress.tell('checked', this.#tally.count);
    }
  }

  async rest(source: AsyncIterator<Copied>): Promise<void> {
    let page: Copied[] = [];
    let characters = 0;
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      page.push(next.value);
      characters += next.value.value.length;
      if (page.length < COMMIT_ENTRIES && characters < COMMIT_CHARACTERS) continue;
      await this.#store(page);
      [page, characters] = [[], 0];
    }
    await this.#store(page);
  }

  /** The number of entries that this run has stored. */
  get stored(): number {
    return this.#tally.count - this.#resumed;
  }

  finish(): Copy {
    return { ...this.#tally.finish(), resumed: this.#resumed };
  }

  async #store(page: readonly Copied[]): Promise<void> {
    this.#options.signal.throwIfAborted();
    const now = Date.now();
    const live = page.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now);
    if (live.length === 0) return;
    const puts = live.map(({ key, value, expiresAt }) =>
      expiresAt === undefined ? { key, value } : { key, value, ttlMs: Math.ceil(expiresAt - now) },
    );
    await this.#target.commit({ puts });
    for (const entry of live) this.#tally.add(entry);
    this.#options.progress.tell('copied', this.#tally.count);
  }
}

/** Errors: STORE_DIFFERS. */
async function mustBeSame(target: StorageDoor, copied: Totals, options: CopyOptions): Promise<void> {
  const tally = new Tally();
  for await (const page of pagesOf(target, options.signal)) {
    for (const entry of page) tally.add(entry);
    options.progress.tell('checked', tally.count);
  }
  const difference = differenceOf(copied, tally.finish(), Date.now());
  if (difference !== undefined) throw new JackfieldError('STORE_DIFFERS', difference);
}

/** Errors: STORE_DIFFERS. */
async function mustHold(
  target: StorageDoor,
  source: AsyncIterable<Copied>,
  { signal, progress }: CopyOptions,
): Promise<void> {
  let checked = 0;
  for await (const { key, value, expiresAt } of source) {
    signal.throwIfAborted();
    const there = await target.get(key);
    const expired = expiresAt !== undefined && expiresAt <= Date.now();
    if (there?.value !== value && !expired) throw differs(key, 'has another value than the source');
    checked += 1;
    progress.tell('checked', checked);
  }
}

/** Adds how to continue, if the error left a part of the source in the target. */
function withWayOn(error: unknown, stored: number): unknown {
  if (!(error instanceof JackfieldError) || stored === 0) return error;
  const detail = error.message.replace(ERRORS[error.code].sentence.replace('…', '').trimEnd(), '').trim();
  const way = `${entryCount(stored)} had been copied before; continue with --resume.`;
  return new JackfieldError(error.code, `${detail} ${way}`.trim(), { cause: error });
}

/** A store in this process may lose everything when it is closed. Errors: STORE_DIFFERS. */
export async function mustBeKept(
  copied: Totals,
  target: NamedStore,
  again: () => Promise<NamedStore>,
): Promise<void> {
  if (!livesInProcess(target.door) || copied.count === copied.expiring) return;
  const { door } = await again();
  const { entries } = await withOpen(door, async () => door.list({ limit: 1 }));
  if (entries.length > 0) return;
  throw new JackfieldError('STORE_DIFFERS', `"${door.name}" lost all entries when it was closed.`);
}

function differs(key: string, how: string): JackfieldError {
  return new JackfieldError('STORE_DIFFERS', `${quoted(key)} ${how}.`);
}
