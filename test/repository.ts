/** Where things are in the repository, and its own command run as a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

/** The root of the repository; this file runs from dist/test. */
export const ROOT = path.resolve(import.meta.dirname, '../..');
export const MAIN = path.join(ROOT, 'dist/core/cli/main.js');

/** @param file Relative to the root. */
export function readText(file: string): Promise<string> {
  return readFile(path.join(ROOT, file), 'utf8');
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  { cwd = ROOT, variables = {} }: { cwd?: string; variables?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  // A test runner inside ours would take itself for a part of it.
  const { NODE_TEST_CONTEXT: _, ...env } = { ...process.env, ...variables };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [code]: (number | null)[] = await once(child, 'close');
  return { code: code ?? null, ...output };
}

export interface RunningServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: string;
  /** The exit code, as soon as there is one. */
  readonly ended: Promise<number | null>;
  /** Ends it with SIGTERM, if it has not ended. */
  stop(): Promise<number | null>;
}

/** `jackfield serve` on a free port, stopped when the test is over. */
export async function serve(
  t: ExecutionContext,
  args: readonly string[],
  { cwd = ROOT }: { cwd?: string } = {},
): Promise<RunningServer> {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args, '--port', '0'], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM');
    return ended;
  };
  t.teardown(stop);
  const [, url = '', port = ''] = await readyLine(child, ended);
  return { url, port, ended, stop };
}

/** Rejects with what the command said where it ends before it listens. */
async function readyLine(child: ChildProcess, ended: Promise<number | null>): Promise<RegExpMatchArray> {
  let stdout = '';
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const ready = /^jackfield listening on (http:\/\/\S+:(\d+))\n/m.exec(stdout);
      if (ready !== null) resolve(ready);
    });
    ended.then((code) => reject(new Error(`The server ended with ${code}: ${stderr}`)), reject);
  });
}
