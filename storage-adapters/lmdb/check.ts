/**
 * Reads a whole store and compares its databases. It runs in another process, because a damaged file can kill the
 * process that maps it.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Check {
  /** One sentence per fault; empty if the data is sound. */
  readonly faults: readonly string[];
  readonly entries: number;
}

const PROGRAM = fileURLToPath(new URL('./check-program.js', import.meta.url));

/** @param path The folder of the store. Absolute. */
export async function checkInOtherProcess(path: string): Promise<Check> {
  const child = spawn(process.execPath, [PROGRAM, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...ended) => resolve(ended));
  });
  // The cast: our own program wrote it.
  if (code === 0) return JSON.parse(texts.out) as Check;
  const why = signal ?? (texts.err.split('\n').find((line) => line.trim() !== '') || `exit code ${code}`);
  return { faults: [`${path}/data.mdb cannot be read completely: reading ended with ${why}.`], entries: 0 };
}
