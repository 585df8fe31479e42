import { simulate } from './simulation';

const isLong = process.env.LONG === '1';
const seeds = Number(process.env.SIM_SEEDS ?? (isLong ? 100_000 : 1_000));

it('keeps every promise', async () => {
  let ms = 0;
  let sends = 0;
  const t = performance.now();
  const bad: string[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const r = await simulate(seed);
    ms += r.simulatedMs;
    sends += r.sends;
    const [v] = r.violations;
    if (v !== undefined) bad.push(`${seed} ${r.profile.kind} ${v.promise}: ${v.detail}`);
  }
  console.log(seeds, performance.now() - t, ms / seeds, sends / seeds, bad.length, '\n' + bad.slice(0, 40).join('\n'));
});
