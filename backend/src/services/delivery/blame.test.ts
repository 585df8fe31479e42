import { Blame } from './blame';

/** A call with these deliveries that fails, and one with another that passes, each begun after the one before had ended. */
function world() {
  const blame = new Blame();
  const fail = (...deliveryIds: number[]) => {
    blame.begin();
    blame.failed(deliveryIds, true);
  };
  const pass = () => blame.passed(blame.begin());
  return { blame, fail, pass };
}

test('a failure is its own once another delivery has passed after it, and stays so', () => {
  const { blame, fail, pass } = world();
  fail(1);
  expect(blame.isOwn(1)).toBe(false);
  pass();
  expect([blame.isOwn(1), blame.isOwn(2)]).toEqual([true, false]);
  fail(1);
  expect(blame.isOwn(1)).toBe(true);
  blame.forget(1);
  expect(blame.isOwn(1)).toBe(false);
});

test('a call that began before the failure says nothing of it', () => {
  const { blame, fail } = world();
  const began = blame.begin();
  fail(1);
  blame.passed(began);
  expect([blame.isOwn(1), blame.isNoNews(1), blame.isLead(1)]).toEqual([false, false, true]);
});

test('a failure is no news when another delivery has passed since the last one of the same delivery', () => {
  const { blame, fail, pass } = world();
  fail(1);
  expect(blame.isNoNews(1)).toBe(false);
  pass();
  expect(blame.isNoNews(1)).toBe(true);
  fail(1);
  expect(blame.isNoNews(1)).toBe(false);
});

test('three different deliveries convince, one again and again does not; in a pause two do', () => {
  const { blame, fail } = world();
  for (let time = 0; time < 10; time += 1) fail(1);
  expect([blame.isConvinced, blame.allowsTrial(false), blame.allowsTrial(true)]).toEqual([false, true, true]);
  fail(2);
  expect([blame.isConvinced, blame.allowsTrial(false), blame.allowsTrial(true)]).toEqual([false, true, false]);
  fail(3);
  expect([blame.isConvinced, blame.allowsTrial(false)]).toEqual([true, false]);
});

test('while the destination is believed at fault no refusal is an event’s own; a pass ends that', () => {
  const { blame, fail, pass } = world();
  fail(1);
  pass();
  for (const id of [2, 3, 4]) fail(id);
  expect(blame.isOwn(1)).toBe(false);
  pass();
  expect([1, 2, 3, 4].map((id) => blame.isOwn(id))).toEqual([true, true, true, true]);
});

test('a batch is one lead, and none of it is barred from a trial until it has failed by itself', () => {
  const { blame, fail, pass } = world();
  fail(1, 2, 3, 4);
  expect([blame.isConvinced, blame.isLead(1), blame.suspects()]).toEqual([false, false, []]);
  fail(1);
  expect([blame.isLead(1), blame.suspects()]).toEqual([true, [1]]);
  pass();
  expect([1, 2, 3, 4].map((id) => blame.isOwn(id))).toEqual([true, true, true, true]);
});

test('what failed by itself is named to a claim, leads first, at most 16; memory is bounded', () => {
  const { blame, fail, pass } = world();
  for (let id = 1; id <= 2_000; id += 1) fail(id);
  pass();
  expect([blame.isOwn(1_000), blame.isOwn(1_001)]).toEqual([false, true]);
  fail(7);
  fail(8);
  fail(9);
  expect(blame.suspects()).toEqual([7, 8, 9, ...Array.from({ length: 13 }, (_, index) => 2_000 - index)]);
});
