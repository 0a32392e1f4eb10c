/**
 * A real browser for tests: Chromium over the DevTools protocol, Firefox over WebDriver BiDi. Each start has an empty
 * profile in a temporary folder, and ends with the test.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import { WebSocket } from 'ws';

/** One window with one page. */
export interface Browser {
  /** Resolves when the page and its subresources have loaded. */
  goto(url: string): Promise<void>;
  /**
   * The value of a JavaScript expression in the page, as JSON: `document.title`. A promise is awaited. Rejects with an
   * error that the expression throws.
   */
  evaluate(expression: string): Promise<unknown>;
}

export type BrowserName = keyof typeof BROWSERS;

/** Program names, and how each browser is started and driven. */
const BROWSERS = {
  chromium: { programs: ['chromium', 'chromium-browser', 'google-chrome'], launch: launchChromium },
  firefox: { programs: ['firefox-esr', 'firefox'], launch: launchFirefox },
} as const;

/**
 * Registers a test that runs in a browser. Without that browser the test is skipped; in CI, where it is installed, the
 * test then fails.
 */
export function browserTest(
  test: TestFn,
  name: BrowserName,
  title: string,
  run: (t: ExecutionContext, browser: Browser) => Promise<void>,
): void {
  const { programs, launch } = BROWSERS[name];
  const program = programs.find((each) => spawnSync(each, ['--version'], { stdio: 'ignore' }).status === 0);
  const full = `${name}: ${title}`;
  if (program !== undefined) {
    test(full, async (t) => {
      // A browser starts slowly on a busy machine.
      t.timeout(180_000);
      await run(t, await launch(t, program));
    });
  } else if (process.env.CI) test(full, (t) => t.fail(`${programs.join(', ')}: none of them is installed`));
  else test.skip(full, () => {});
}

async function launchChromium(t: ExecutionContext, program: string): Promise<Browser> {
  const profile = await profileFolder(t);
  const child = spawn(
    program,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    OPTIONS,
  );
  const url = await announced(t, child, /DevTools listening on (ws:\S+)/);
  const browser = await Remote.connect(t, url);
  const { targetId } = await browser.call('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await browser.call('Target.attachToTarget', { targetId, flatten: true });
  const inPage = (method: string, params: object) => browser.call(method, params, { sessionId });
  await inPage('Page.enable', {});
  return {
    goto: async (address) => {
      const loaded = browser.event('Page.loadEventFired');
      const { errorText } = await inPage('Page.navigate', { url: address });
      if (errorText !== undefined) throw new Error(`${address}: ${String(errorText)}`);
      await loaded;
    },
    evaluate: async (expression) => {
      const { result, exceptionDetails } = await inPage('Runtime.evaluate', {
        expression: asJson(expression),
        awaitPromise: true,
      });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return parsed(result);
    },
  };
}

async function launchFirefox(t: ExecutionContext, program: string): Promise<Browser> {
  const profile = await profileFolder(t);
  await writeFile(path.join(profile, 'user.js'), FIREFOX_PREFERENCES);
  const args = ['--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', profile];
  const child = spawn(program, args, OPTIONS);
  const url = await announced(t, child, /WebDriver BiDi listening on (ws:\S+)/);
  const browser = await Remote.connect(t, `${url}/session`);
  await browser.call('session.new', { capabilities: {} });
  const { context } = await browser.call('browsingContext.create', { type: 'tab' });
  return {
    goto: async (address) => {
      await browser.call('browsingContext.navigate', { context, url: address, wait: 'complete' });
    },
    evaluate: async (expression) => {
      const { result, exceptionDetails } = await browser.call('script.evaluate', {
        expression: asJson(expression),
        target: { context },
        awaitPromise: true,
      });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return parsed(result);
    },
  };
}

/** Its own process group: a browser starts further processes, and all of them must end. */
const OPTIONS: SpawnOptions = { detached: true, stdio: ['ignore', 'ignore', 'pipe'] };

/** Without these settings Firefox contacts Mozilla's servers at each start. */
const FIREFOX_PREFERENCES = `
user_pref("app.update.disabledForTesting", true);
user_pref("app.normandy.enabled", false);
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("toolkit.telemetry.server", "http://127.0.0.1:9/");
`;

async function profileFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-browser-'));
  // Its last processes may still write while the folder is removed.
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}

/** Waits for the line with the address of the remote control; kills the browser when the test ends. */
async function announced(t: ExecutionContext, child: ChildProcess, pattern: RegExp): Promise<string> {
  const exited = once(child, 'exit');
  t.teardown(async () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      return; // it has already ended
    }
    await exited;
  });
  return new Promise((resolve, reject) => {
    let written = '';
    // Read to the end: a browser that cannot write its messages may stop.
    child.stderr?.on('data', (octets: Buffer) => {
      written += octets.toString();
      const url = pattern.exec(written)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.on('close', () => reject(new Error(`The browser ended at its start:\n${written}`)));
  });
}

function asJson(expression: string): string {
  return `(async () => JSON.stringify(await (${expression})))()`;
}

function parsed(result: unknown): unknown {
  const { value } = result as { value?: string };
  return value === undefined ? undefined : JSON.parse(value);
}

type Values = Readonly<Record<string, unknown>>;

interface Pending {
  resolve(result: Values): void;
  reject(error: Error): void;
}

/** Calls by number and events by name, over one WebSocket. Both protocols work this way. */
class Remote {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #events = new Map<string, () => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#received(JSON.parse(String(data))));
    socket.on('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('The browser has ended.'));
    });
  }

  static async connect(t: ExecutionContext, url: string): Promise<Remote> {
    const socket = new WebSocket(url);
    t.teardown(() => socket.terminate());
    const remote = new Remote(socket);
    await once(socket, 'open');
    return remote;
  }

  call(method: string, params: object, more: object = {}): Promise<Values> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, ...more }));
    });
  }

  /** Resolves with the next event of this name. */
  event(name: string): Promise<void> {
    return new Promise((resolve) => this.#events.set(name, resolve));
  }

  #received(message: Values): void {
    const { id, method, result, error } = message;
    if (typeof method === 'string') this.#events.get(method)?.();
    const call = this.#pending.get(Number(id));
    if (call === undefined) return;
    this.#pending.delete(Number(id));
    if (error === undefined) call.resolve(result as Values);
    else call.reject(new Error(JSON.stringify(message)));
  }
}
