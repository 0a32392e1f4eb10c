/**
 * What a process has opened since a moment and still waits for, in words: a hint at what somebody waits for who does not
 * say so. It is the whole process that is asked, so it counts only while nothing else goes on.
 */

/** Node's names for what keeps a process alive, as far as somebody may wait for it. */
const WORDS: Readonly<Record<string, string>> = {
  Timeout: 'a timer',
  TCPConnectWrap: 'a TCP connection that is being opened',
  TCPSocketWrap: 'a TCP connection',
  TLSWrap: 'a TLS connection',
  GetAddrInfoReqWrap: 'a host name that is being looked up',
  QueryReqWrap: 'a question to a name server',
  PipeConnectWrap: 'a local socket that is being opened',
  PipeWrap: 'a pipe or local socket',
  TCPServerWrap: 'a listening socket',
  PipeServerWrap: 'a listening local socket',
  UDPWrap: 'a UDP socket',
  FSReqPromise: 'a file operation',
  FSReqCallback: 'a file operation',
  FSEventWrap: 'a watched file',
  StatWatcher: 'a watched file',
  ProcessWrap: 'a child process',
  Worker: 'a worker thread',
  MessagePort: 'a message port',
};

export type Opened = readonly string[];

export function openedNow(): Opened {
  return process.getActiveResourcesInfo();
}

/** @returns Each kind once, in the order of the table. */
export function openedSince(before: Opened, now: Opened = openedNow()): readonly string[] {
  const count = (all: Opened, name: string): number => all.filter((one) => one === name).length;
  const more = Object.entries(WORDS).filter(([name]) => count(now, name) > count(before, name));
  return [...new Set(more.map(([, words]) => words))];
}
