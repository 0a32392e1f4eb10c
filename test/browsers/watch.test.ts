/** `EventSource` of real browsers, over everything that can happen to a server. */
import test from 'ava';
import { type Browser, browserTest } from '../support/browser.js';
import { noticesRestart, type OpenFeed, type Seen, survivesEverything } from './feed-run.js';

const inPage =
  (browser: Browser, page = 'feed'): OpenFeed =>
  async (_t, origin) => {
    await browser.goto(`${origin}/pages/${page}.html`);
    // The page pushes nothing else into it.
    return async () => (await browser.evaluate('seen')) as readonly Seen[];
  };

for (const name of ['chromium', 'firefox'] as const) {
  browserTest(
    test,
    name,
    'EventSource misses no change and sees none twice, whatever happens to the server',
    (t, browser) => survivesEverything(t, inPage(browser)),
  );
  browserTest(test, name, 'EventSource learns that a store in memory has begun again', (t, browser) =>
    noticesRestart(t, inPage(browser)),
  );
}

browserTest(test, 'chromium', 'event-source-polyfill misses no change either', (t, browser) =>
  survivesEverything(t, inPage(browser, 'polyfill')),
);
