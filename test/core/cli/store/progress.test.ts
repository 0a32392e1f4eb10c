import test from 'ava';
import { Progress } from '../../../../core/cli/store/progress.js';

function output(isTTY: boolean) {
  const texts: string[] = [];
  return { texts, isTTY, write: (text: string) => texts.push(text) };
}

test('a terminal shows the progress on one line, which is cleared at the end', (t) => {
  const terminal = output(true);
  const progress = new Progress(terminal);
  progress.tell('copied', 10);
  progress.end();
  progress.end();
  t.deepEqual(terminal.texts, ['\r10 entries copied', `\r${' '.repeat(17)}\r`]);
});

test('a file or a pipe gets no progress', (t) => {
  const pipe = output(false);
  const progress = new Progress(pipe);
  progress.tell('copied', 10);
  progress.end();
  t.deepEqual(pipe.texts, []);
});
