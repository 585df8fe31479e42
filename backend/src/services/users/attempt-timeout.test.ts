import { AttemptTimeout } from './attempt-timeout';

const timeoutWith = () => new AttemptTimeout({ firstMs: 700, minMs: 500, maxMs: 1_400 });

function observe(timeout: AttemptTimeout, count: number, ms: (index: number) => number): void {
  for (let index = 0; index < count; index += 1) timeout.answered(ms(index));
}

describe('AttemptTimeout', () => {
  it('is 700 ms until fifty answers were seen', () => {
    const timeout = timeoutWith();
    observe(timeout, 49, () => 900);
    expect(timeout.currentMs()).toBe(700);
    timeout.answered(900);
    expect(timeout.currentMs()).toBe(1_125);
  });

  it('is a quarter more than the 99th percentile of the last two hundred', () => {
    const timeout = timeoutWith();
    observe(timeout, 200, () => 1_100);
    observe(timeout, 200, (index) => 401 + index);
    // Of 401 … 600 the 99th percentile is 598.
    expect(timeout.currentMs()).toBe(598 * 1.25);
  });

  it('stays within its bounds', () => {
    const timeout = timeoutWith();
    observe(timeout, 200, () => 2);
    expect(timeout.currentMs()).toBe(500);
    observe(timeout, 200, () => 5_000);
    expect(timeout.currentMs()).toBe(1_400);
  });

  it('doubles after every five timeouts in a row, so that a source that became slower is seen again', () => {
    const timeout = timeoutWith();
    observe(timeout, 200, () => 2);
    for (let count = 0; count < 4; count += 1) timeout.timedOut();
    expect(timeout.currentMs()).toBe(500);
    timeout.timedOut();
    expect(timeout.currentMs()).toBe(1_000);
    for (let count = 0; count < 1_000; count += 1) timeout.timedOut();
    expect(timeout.currentMs()).toBe(1_400);
    timeout.answered(2);
    expect(timeout.currentMs()).toBe(500);
  });
});
