import { stat } from 'node:fs/promises';

import type { Runtime } from '../interfaces/runtime';

/** Calls `onChange` when the file has been written or replaced, looked for every `everyMs`. Returns the function that ends it. A file that is away for a moment has not changed. */
export function watchFile(path: string, everyMs: number, runtime: Runtime, onChange: () => Promise<void>): () => void {
  let isEnded = false;
  let cancel: () => void = () => undefined;
  const mark = () =>
    stat(path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => null,
    );
  let last = mark();
  const look = async (): Promise<void> => {
    const [before, now] = [await last, await mark()];
    if (now !== null && now !== before) {
      last = Promise.resolve(now);
      if (!isEnded) await onChange();
    }
    if (!isEnded) wait();
  };
  const wait = () => {
    cancel = runtime.after(everyMs, () => void look());
  };
  wait();
  return () => {
    isEnded = true;
    cancel();
  };
}
