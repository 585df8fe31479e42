import { createMockApis } from './mock-apis';
import { allSettings, changedSettings, settingsFromEnvironment, SettingsError } from './settings';

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

/** The settings as a Markdown table, the one that README.md shows. */
function help(): string {
  const rows = allSettings().map(({ env, setting }) => {
    const fallback = setting.rule.toText(setting.fallback);
    return `| \`${env}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${setting.meaning} |`;
  });
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function explain(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return `Port ${port} on ${host} is taken: stop the process that has it, or set MOCK_PORT to a free port (0 picks one).`;
  }
  if (code === 'EACCES') return `Port ${port} needs more rights: set MOCK_PORT to one from 1024 up.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is no address of this machine: set MOCK_HOST to one, such as 127.0.0.1 or 0.0.0.0.`;
  }
  return `The simulated upstreams could not start: ${error instanceof Error ? error.message : String(error)}`;
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${help()}\n`);
    return;
  }
  const settings = settingsFromEnvironment(process.env);
  const apis = createMockApis(settings);
  try {
    const { url } = await apis.start();
    const changed = changedSettings(settings).join(' ');
    process.stdout.write(
      `simulated upstreams on ${url}, ${changed === '' ? 'every setting at its default' : changed}\n`,
    );
  } catch (error) {
    fail(explain(error, settings.host, settings.port));
    return;
  }
  const stop = (): void => void apis.stop();
  process.once('SIGTERM', stop).once('SIGINT', stop);
}

main().catch((error: unknown) => {
  if (error instanceof SettingsError)
    fail(`The settings are wrong:\n${error.faults.map((fault) => `- ${fault}`).join('\n')}`);
  else fail(String(error));
});
