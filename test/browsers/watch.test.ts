/** `EventSource` of real browsers, with all restarts and failures of a server. */
import test from 'ava';
import { type Browser, browserTest } from '../support/browser.js';
import { noticesRestart, type OpenFeed, type Seen, survivesEverything } from './feed-run.js';

const inPage =
  (browser: Browser, page = 'feed'): OpenFeed =>
  async (_t, origin) => {
    await browser.goto(`${origin}/pages/${page}.html`);
    // The page pushes only such objects.
    return async () => (await browser.evaluate('seen')) as readonly Seen[];
  };

for (const name of ['chromium', 'firefox'] as const) {
  browserTest(
    test,
    name,
    'EventSource misses no change and sees none twice, through all failures of the server',
    (t, browser) => survivesEverything(t, inPage(browser)),
  );
  browserTest(test, name, 'EventSource gets lost history when a store in memory restarts', (t, browser) =>
    noticesRestart(t, inPage(browser)),
  );
}

browserTest(test, 'chromium', 'event-source-polyfill misses no change either', (t, browser) =>
  survivesEverything(t, inPage(browser, 'polyfill')),
);
