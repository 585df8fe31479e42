import net from 'node:net';

/**
 * A process of its own, so that it shares no event loop with who is measured: opens connections that say how they begin and then drip. Takes `[port, start, start …]` as a JSON message; tells
 * `connected` once all are, and then of each how it ended.
 */
export interface SlowEnd {
  readonly index: number;
  readonly afterMs: number;
  readonly answer: string;
}

process.once('message', (message: readonly [number, ...string[]]) => {
  const [port, ...starts] = message;
  let connected = 0;
  starts.forEach((start, index) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    const begunAt = performance.now();
    let answer = '';
    // Spread, as those of many senders are.
    const drip = setInterval(() => socket.write('x'), 3_000 + (index % 1_000));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.once('close', () => {
      clearInterval(drip);
      process.send?.({ index, afterMs: performance.now() - begunAt, answer: answer.slice(0, 100) } satisfies SlowEnd);
    });
    socket.write(start, () => {
      connected += 1;
      if (connected === starts.length) process.send?.('connected');
    });
  });
});
