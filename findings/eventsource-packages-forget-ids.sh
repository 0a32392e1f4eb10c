#!/usr/bin/env bash
# An event with an id and without data is not dispatched, but it sets the last event ID all the same (HTML Standard,
# "dispatch the event", step 1). These packages forget it, so that a server that marks progress this way is asked for
# everything again after a reconnect.
. "$(dirname "$0")/lib/begin.sh"
packages eventsource@4.1.0 eventsource-client@1.2.0 launchdarkly-eventsource@2.2.0

cat >answers.mjs <<'JS'
import { writeFileSync } from 'node:fs';

const counts = new Map();
export default ({ target, head }, socket) => {
  const count = (counts.get(target) ?? 0) + 1;
  counts.set(target, count);
  if (count > 1) {
    const id = /^last-event-id: *(.*)$/im.exec(head)?.[1] ?? 'none';
    writeFileSync(`id${target.replace('/', '-')}`, id.trim());
  }
  const events = 'retry: 50\nid: 1\ndata: tea\n\nid: 2\n\n';
  socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n${events}`);
};
JS
origin answers.mjs
cat >clients.mjs <<'JS'
import { EventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import launchdarkly from 'launchdarkly-eventsource';

const at = `http://127.0.0.1:${process.argv[2]}`;
const DarklySource = launchdarkly.EventSource ?? launchdarkly;
new EventSource(`${at}/eventsource`);
createEventSource(`${at}/client`);
new DarklySource(`${at}/darkly`, { initialRetryDelayMillis: 50 }).onerror = () => {};
JS
background node clients.mjs "$origin"
for name in eventsource client darkly; do until [ -s "id-$name" ]; do sleep 0.05; done; done
seen "id after a reconnect: eventsource $(cat id-eventsource), eventsource-client $(cat id-client), launchdarkly-eventsource $(cat id-darkly)" \
  'id after a reconnect: eventsource 1, eventsource-client 1, launchdarkly-eventsource 1'
