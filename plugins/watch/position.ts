/**
 * Positions in the feed as text: the ids of its events. An id is the revision. If revisions can be reused, a word
 * follows that distinguishes them: the store's `era`, or the change's `mark`.
 */
import { JackfieldError, type Position } from '../../core/plugin-api.js';
import { wholeNumber } from '../shared/page-query.js';

/** How a store names its positions. */
export interface PositionNames {
  /** Of stores that restart their revisions whenever they are opened. */
  readonly era: string | undefined;
  readonly hasMarks: boolean;
}

/** A position as the client wrote it. */
export interface Given {
  readonly text: string;
  /** For errors: `The last event ID`. */
  readonly place: string;
}

export function idOf({ revision, mark }: Position, era: string | undefined): string {
  const word = era ?? mark;
  return word === undefined ? String(revision) : `${revision}-${word}`;
}

/**
 * @returns A function that reads a client's id and compares it with the current revision of the store. It returns an
 * error if the changes after the id are not available: STORAGE_REVISION_UNKNOWN, STORAGE_HISTORY_GONE.
 */
export function positionReader({
  era,
  hasMarks,
}: PositionNames): (given: Given, reached: number) => Position | JackfieldError {
  return ({ text, place }, reached) => {
    const [, digits, word] = /^(\d+)(?:-([0-9a-f]+))?$/.exec(text) ?? [];
    const revision = wholeNumber(digits);
    const shown = `${place} is ${JSON.stringify(text)}`;
    if (revision === undefined || Number.isNaN(revision)) {
      return new JackfieldError('STORAGE_REVISION_UNKNOWN', `${shown}, which is not an id of this feed.`);
    }
    // Revision 0 is the empty store, in every era.
    if (era !== undefined && word === undefined && revision > 0) {
      return new JackfieldError(
        'STORAGE_HISTORY_GONE',
        `${shown}. This store starts its revisions at 0 on each start, so a number alone may be from an earlier start. Send the ids of the feed unchanged.`,
      );
    }
    // There the same number is another change, and the changes in between would be missed silently.
    if (word !== undefined && word !== era && !(era === undefined && hasMarks)) {
      return new JackfieldError(
        'STORAGE_HISTORY_GONE',
        `${shown}, which is from an earlier start or another store.`,
      );
    }
    if (revision > reached) {
      return new JackfieldError(
        'STORAGE_REVISION_UNKNOWN',
        `${revision} was requested, ${reached} is the last.`,
      );
    }
    return era === undefined ? { revision, ...(word === undefined ? {} : { mark: word }) } : { revision };
  };
}
