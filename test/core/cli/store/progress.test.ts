import test from 'ava';
import { Progress } from '../../../../core/cli/store/progress.js';

function output(isTTY: boolean) {
  const texts: string[] = [];
  return { texts, isTTY, write: (text: string) => texts.push(text) };
}

test('a terminal is told how far it is, on one line that is taken away again', (t) => {
  const terminal = output(true);
  const progress = new Progress(terminal);
  progress.tell('copied', 10);
  progress.end();
  progress.end();
  t.deepEqual(terminal.texts, ['\r10 entries copied', `\r${' '.repeat(17)}\r`]);
});

test('a file or a pipe is told nothing', (t) => {
  const pipe = output(false);
  const progress = new Progress(pipe);
  progress.tell('copied', 10);
  progress.end();
  t.deepEqual(pipe.texts, []);
});
