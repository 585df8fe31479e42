import type { JsonSchema } from './route';

/**
 * The reference page, made from the document once: plain HTML and one style sheet, no script, so
 * that it works under any policy and on any screen.
 */

interface Described {
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly deprecated?: boolean;
  readonly 'x-scope'?: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: JsonSchema;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: JsonSchema; readonly example: unknown }>>;
  };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly content: Readonly<Record<string, { readonly schema?: JsonSchema; readonly example?: unknown }>>;
      }
    >
  >;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
const json = (value: unknown): string => escape(JSON.stringify(value, null, 2));

export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #8884; --accent: #2563eb; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; padding-bottom: .3rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary code { font-weight: 600; }
.method { color: var(--accent); display: inline-block; font-weight: 700; min-width: 3.2rem; }
.deprecated code { text-decoration: line-through; }
pre { background: #8881; border-radius: .4rem; overflow-x: auto; padding: .75rem; font-size: .85rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
.scope { font-size: .85rem; opacity: .8; }
`;

/**
 * The page for a document of openapi.ts. Its links are relative, so that they hold below any
 * prefix.
 */
export function docsPage(document: JsonSchema): string {
  const { info, servers, tags, paths } = document as unknown as {
    servers?: readonly { url: string }[];
    info: { title: string; version: string; description: string };
    tags: readonly { name: string }[];
    paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  };
  const base = servers?.[0]?.url ?? 'localhost:3000';
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const anchor = (tag: string): string => tag.toLowerCase().replaceAll(' ', '-');
  const sections = tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags[0] === name);
    return `<section><h2 id="${anchor(name)}">${escape(name)}</h2>${own.map((one) => operationHtml(one, base)).join('')}</section>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(info.title)} API</title><link rel="stylesheet" href="docs/style.css"></head>
<body><h1>${escape(info.title)} API <small>${escape(info.version)}</small></h1><p>${escape(info.description)}</p>
<nav>${tags.map(({ name }) => `<a href="#${anchor(name)}">${escape(name)}</a>`).join('')}<a href="openapi.json">openapi.json</a></nav>
<p>First a token, kept for the examples below:</p>
<pre>${escape(`TOKEN=$(curl -s ${base}/auth -H 'Content-Type: application/json' \\
  -d '{"clientId":"marketing-dashboard"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`)}</pre>
${sections.join('\n')}
</body></html>`;
}

interface Line {
  readonly path: string;
  readonly method: string;
  readonly operation: Described;
}

function operationHtml({ path, method, operation }: Line, base: string): string {
  const { summary, description, parameters, requestBody, responses, deprecated } = operation;
  const scope = operation['x-scope'];
  const [mediaType, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  return `<details${deprecated === true ? ' class="deprecated"' : ''}><summary><span class="method">${method}</span> <code>${escape(path)}</code> ${escape(summary)}</summary>
<p class="scope">${scope === undefined ? 'No token needed.' : `Scope: <code>${escape(scope)}</code>`}</p>
${description === undefined ? '' : `<p>${escape(description)}</p>`}
${parameters.length === 0 ? '' : `<h4>Parameters</h4><table>${parameters.map(parameterHtml).join('')}</table>`}
${body === undefined ? '' : `<h4>Body (${escape(mediaType ?? '')})</h4><pre>${json(body.example)}</pre><details><summary>Schema</summary><pre>${json(body.schema)}</pre></details>`}
<h4>Answers</h4><table>${Object.entries(responses).map(responseHtml).join('')}</table>
<h4>Try it</h4><pre>${escape(curlOf(method, `${base}${path}`, operation, mediaType, body?.example))}</pre></details>`;
}

function parameterHtml({
  name,
  in: place,
  required,
  description = '',
  schema,
}: Described['parameters'][number]): string {
  const shape = Object.entries(schema)
    .filter(([key]) => key !== 'type')
    .map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  return `<tr><td><code>${escape(name)}</code></td><td>${escape(place)}${required ? ', required' : ''}</td><td>${escape([description, ...shape].filter((text) => text !== '').join('; '))}</td></tr>`;
}

function responseHtml([status, { description, content }]: [string, Described['responses'][string]]): string {
  const [, answer] = Object.entries(content)[0] ?? [];
  const example = answer?.example === undefined ? '' : `<pre>${json(answer.example)}</pre>`;
  return `<tr><td><code>${escape(status)}</code></td><td>${escape(description)}${example}</td></tr>`;
}

/** A line that runs against the demo: examples of the document stand in for what is asked. */
function curlOf(
  method: string,
  url: string,
  operation: Described,
  mediaType: string | undefined,
  example: unknown,
): string {
  const query = operation.parameters
    .filter(({ in: place, required }) => place === 'query' && required)
    .map(({ name }) => `${name}=13`);
  const target = `${url.replaceAll('{id}', 'user1').replaceAll('{name}', 'adeventsx')}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const isForm = mediaType?.includes('urlencoded') === true;
  return [
    `curl -s ${method === 'GET' ? '' : `-X ${method} `}'${target}'`,
    ...(operation['x-scope'] === undefined ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...(mediaType === undefined || isForm ? [] : [`-H 'Content-Type: ${mediaType}'`]),
    ...(example === undefined
      ? []
      : [
          `-d '${isForm ? new URLSearchParams(example as Record<string, string>).toString() : JSON.stringify(example)}'`,
        ]),
  ].join(' \\\n  ');
}
