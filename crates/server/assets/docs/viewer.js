// Shows /openapi.json (OpenAPI 3.1). No framework: elements are made by `h`, and text only ever becomes text.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** What `x-stile-access` means. */
const ACCESS = {
  public: { label: 'public', about: 'Anyone may call it. No token is needed.' },
  pending: {
    label: 'pending session',
    about: 'Needs an access token. One whose sign-in still owes a second factor is enough.',
  },
  session: { label: 'session', about: 'Needs the access token of a completed sign-in.' },
  level: {
    label: 'level',
    about:
      'Needs the access token of a completed sign-in. Whoever has a second factor must have proved one in this session: else the answer is 403 `mfa_required`.',
  },
  gated: {
    label: 'gated',
    about:
      'Needs an access token and a fresh proof: an elevated access token of the right scope in `x-dyn-elevated-access-token`. Without one the answer is 403 `elevated_token_required` with the `scope`.',
  },
  apiToken: {
    label: 'API token',
    about: 'For an app’s own backend: needs an API token, made by `stile token create`.',
  },
};

const $ = (id) => document.getElementById(id);
const state = { document: undefined, environment: '5711e000-0000-4000-8000-000000000001' };

// ---- Elements ----

/** An element. Properties that begin with `on` are listeners; `undefined` and `false` are left out. */
function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== undefined && child !== false && child !== ''),
  );
  return element;
}

/** Of Markdown, what descriptions use: paragraphs and `code`. */
function prose(text = '') {
  return text
    .split(/\n\s*\n/)
    .filter(Boolean)
    .map((paragraph) => h('p', {}, inline(paragraph)));
}

function inline(text = '') {
  return text.split(/`([^`]+)`/).map((part, at) => (at % 2 === 1 ? h('code', {}, part) : part));
}

function badge(access) {
  const known = ACCESS[access] ?? { label: access ?? 'unknown', about: 'No access class is declared.' };
  return h(
    'span',
    { class: 'badge', 'data-access': access, title: known.about.replaceAll('`', '') },
    known.label,
  );
}

const method = (name) => h('span', { class: 'method', 'data-method': name }, name.toUpperCase());

function copyButton(label, text) {
  const button = h('button', { type: 'button', class: 'copy', 'aria-live': 'polite' }, label);
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard.writeText(text()).then(
      () => 'Copied',
      () => 'The browser does not allow it',
    );
    button.textContent = done;
    setTimeout(() => {
      button.textContent = label;
    }, 2000);
  });
  return button;
}

// ---- Schemas ----

const nameOf = (ref) => ref.split('/').at(-1);

/** The schema behind references, with `allOf` and "or null" folded in; `name` is that of the last reference. */
function resolve(schema, seen = new Set()) {
  if (!schema || schema === true) return {};
  if (schema.$ref) {
    if (seen.has(schema.$ref)) return { name: nameOf(schema.$ref) };
    const target = state.document.components?.schemas?.[nameOf(schema.$ref)] ?? {};
    const { $ref, ...beside } = schema;
    return { ...resolve(target, new Set([...seen, $ref])), ...beside, name: nameOf($ref) };
  }
  if (schema.allOf) {
    const { allOf, ...beside } = schema;
    const parts = allOf.map((part) => resolve(part, seen));
    return {
      type: 'object',
      ...beside,
      properties: Object.assign({}, ...parts.map(({ properties }) => properties), beside.properties),
      required: parts.flatMap(({ required = [] }) => required).concat(beside.required ?? []),
    };
  }
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) {
    const others = choices.filter(({ type }) => type !== 'null');
    const { oneOf, anyOf, ...beside } = schema;
    if (others.length === 1) {
      return { ...resolve(others[0], seen), ...beside, nullable: others.length < choices.length };
    }
  }
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const types = schema.type.filter((type) => type !== 'null');
    return { ...schema, type: types.length === 1 ? types[0] : types, nullable: true };
  }
  return schema;
}

/** The schema as a short text: `string (uuid)`, `UserPasskey[]`, `"a" | "b"`. */
function typeText(given) {
  const schema = resolve(given);
  const or = schema.nullable ? ' | null' : '';
  if (schema.const !== undefined) return `${JSON.stringify(schema.const)}${or}`;
  if (schema.enum) return `${schema.name ?? schema.type ?? 'one of'}${or}`;
  if (schema.type === 'array') return `${typeText(schema.items)}[]${or}`;
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return `${schema.name ?? choices.map(typeText).join(' | ')}${or}`;
  if (schema.properties) return `${schema.name ?? 'object'}${or}`;
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'any');
  return `${type}${schema.format ? ` (${schema.format})` : ''}${or}`;
}

const LIMITS = {
  minimum: 'at least',
  maximum: 'at most',
  minLength: 'shortest',
  maxLength: 'longest',
  minItems: 'fewest',
  maxItems: 'most',
  pattern: 'pattern',
  default: 'default',
};

/** What a value may be, beside its type. */
function limits(given) {
  const schema = resolve(given);
  const values = schema.enum ?? resolve(schema.items).enum;
  const found = Object.entries(LIMITS).filter(([key]) => schema[key] !== undefined && schema[key] !== null);
  return [
    values &&
      h(
        'p',
        { class: 'limits' },
        'One of ',
        values.map((value, at) => [at > 0 && ', ', h('code', {}, String(value))]),
      ),
    found.length > 0 &&
      h(
        'p',
        { class: 'limits' },
        found.map(([key, word], at) => [
          at > 0 && ', ',
          `${word} `,
          h('code', {}, JSON.stringify(schema[key])),
        ]),
      ),
  ];
}

/** The object within: the schema itself, the items of a list, the values of a map. */
function objectIn(given) {
  const schema = resolve(given);
  if (schema.properties && Object.keys(schema.properties).length > 0) return schema;
  if (schema.type === 'array') return objectIn(schema.items);
  if (typeof schema.additionalProperties === 'object') return objectIn(schema.additionalProperties);
  return undefined;
}

function schemaTable(schema, caption) {
  const rows = Object.entries(schema.properties).flatMap(([name, property]) =>
    row({ name, schema: property, required: schema.required?.includes(name) }),
  );
  return table(caption, rows);
}

function table(caption, rows) {
  return h(
    'table',
    {},
    h('caption', { class: 'hidden' }, caption),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ['Name', 'Type', 'Meaning'].map((text) => h('th', { scope: 'col' }, text)),
      ),
    ),
    h('tbody', {}, rows),
  );
}

/** One row, and below it, made when it is first opened, the table of the object within. */
function row({ name, schema, required, where }) {
  const inner = objectIn(schema);
  const label = h('code', { class: 'name' }, name);
  const more = inner && h('tr', { class: 'more', hidden: true }, h('td', { colspan: '3' }));
  const toggle =
    inner &&
    h(
      'button',
      {
        type: 'button',
        class: 'expand',
        'aria-expanded': 'false',
        onclick: (event) => {
          const opens = more.hidden;
          if (opens && !more.firstChild.firstChild)
            more.firstChild.append(schemaTable(inner, `Fields of ${name}`));
          more.hidden = !opens;
          event.currentTarget.setAttribute('aria-expanded', String(opens));
        },
      },
      label,
    );
  const resolved = resolve(schema);
  const line = h(
    'tr',
    {},
    h(
      'th',
      { scope: 'row' },
      toggle ?? label,
      required ? h('span', { class: 'required' }, 'required') : false,
    ),
    h(
      'td',
      { class: 'type' },
      h('code', {}, typeText(schema)),
      where && h('span', { class: 'where' }, `in ${where}`),
    ),
    h('td', {}, prose(schema.description ?? resolved.description), limits(schema)),
  );
  return more ? [line, more] : [line];
}

/** A body: a table for an object, else its type. */
function body(content, caption) {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (!media) return h('p', { class: 'soft' }, 'No body.');
  const inner = objectIn(media.schema);
  return [
    h('p', { class: 'soft' }, h('code', {}, typeText(media.schema)), ` as ${type}`),
    inner ? schemaTable(inner, caption) : limits(media.schema),
  ];
}

// ---- curl ----

/** A value of the schema: what is required, and nothing else. */
function example(given, depth = 0) {
  const schema = resolve(given);
  if (schema.example !== undefined) return schema.example;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'array') return depth < 4 && schema.minItems ? [example(schema.items, depth + 1)] : [];
  if (schema.type === 'boolean') return false;
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 0;
  if (schema.properties && depth < 4) {
    const required = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(required.map(([name, property]) => [name, example(property, depth + 1)]));
  }
  return schema.type === 'object' ? {} : '…';
}

function curl({ path, name, operation }) {
  const access = operation['x-stile-access'];
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const query = (operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map((parameter) => `${parameter.name}=…`);
  const url = `${location.origin}${path.replace('{environmentId}', state.environment)}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const content = operation.requestBody?.content?.['application/json'];
  const parts = [
    `curl${name === 'get' ? '' : ` -X ${name.toUpperCase()}`} ${quote(url)}`,
    ['pending', 'session', 'level', 'gated'].includes(access) && '-H "authorization: Bearer $ACCESS_TOKEN"',
    access === 'apiToken' && '-H "authorization: Bearer $API_TOKEN"',
    access === 'gated' && '-H "x-dyn-elevated-access-token: $ELEVATED_TOKEN"',
    content && "-H 'content-type: application/json'",
    content && `-d ${quote(JSON.stringify(example(content.schema)))}`,
  ];
  return parts.filter(Boolean).join(' \\\n  ');
}

// ---- Operations ----

function operations() {
  return Object.entries(state.document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((name) => item[name]).map((name) => {
      const operation = item[name];
      return {
        path,
        name,
        operation: {
          ...operation,
          parameters: [...(item.parameters ?? []), ...(operation.parameters ?? [])],
        },
        id: operation.operationId ?? `${name}-${path}`,
        tag: operation.tags?.[0] ?? 'Other',
      };
    }),
  );
}

/** What the filter looks through. */
function haystack({ id, path, name, operation }) {
  const access = operation['x-stile-access'];
  const label = ACCESS[access]?.label;
  return [id, path, name, operation.summary, operation.description, access, label].join(' ').toLowerCase();
}

/** The path without what all have in common, its parameters marked. */
function pathText(path) {
  const parts = path.split(/(\{[^}]+\})/);
  // Long paths break before a slash.
  const breakable = (text) =>
    text.split(/(?=\/)/).flatMap((piece, at) => (at > 0 ? [h('wbr'), piece] : [piece]));
  return h(
    'code',
    { class: 'path' },
    parts.map((part) => (part.startsWith('{') ? h('var', {}, part) : breakable(part))),
  );
}

function card(entry) {
  const { path, name, operation, id } = entry;
  const access = operation['x-stile-access'];
  const parameters = operation.parameters;
  const scopes = (operation.security ?? []).flatMap((way) => Object.values(way).flat());
  const command = h('pre', { tabindex: '0', 'aria-label': 'curl command' });
  const fill = () => {
    command.textContent = curl(entry);
  };
  fill();
  document.addEventListener('environment', fill);
  return h(
    'details',
    { class: 'operation', id, 'data-text': haystack(entry) },
    h(
      'summary',
      {},
      h('h3', {}, operation.summary ?? id),
      h('span', { class: 'line' }, method(name), pathText(path)),
      badge(access),
    ),
    h(
      'div',
      { class: 'inside' },
      h(
        'p',
        { class: 'links' },
        h('a', { href: `#${id}` }, `#${id}`),
        copyButton('Copy link', () => `${location.origin}${location.pathname}#${id}`),
      ),
      prose(operation.description),
      h('p', { class: 'access' }, badge(access), ' ', inline(ACCESS[access]?.about ?? '')),
      scopes.length > 0 && h('p', {}, 'Scope: ', inline(scopes.map((scope) => `\`${scope}\``).join(' or '))),
      parameters.length > 0 && [
        h('h4', {}, 'Parameters'),
        table(
          'Parameters',
          parameters.flatMap((parameter) =>
            row({
              name: parameter.name,
              required: parameter.required,
              where: parameter.in,
              schema: { ...parameter.schema, description: parameter.description },
            }),
          ),
        ),
      ],
      operation.requestBody && [
        h('h4', {}, 'Request'),
        prose(operation.requestBody.description),
        body(operation.requestBody.content, 'Fields of the request'),
      ],
      h('h4', {}, 'Responses'),
      Object.entries(operation.responses ?? {}).map(([status, response]) => answer(status, response)),
      h(
        'div',
        { class: 'head' },
        h('h4', {}, 'curl'),
        copyButton('Copy as curl', () => curl(entry)),
      ),
      command,
    ),
  );
}

function answer(status, response) {
  const isError = status === 'default' || Number(status) >= 400;
  return h(
    'details',
    { class: 'answer', open: !isError },
    h(
      'summary',
      {},
      h('b', { class: isError ? 'bad' : 'good' }, status === 'default' ? 'Errors' : status),
      ' ',
      inline(response.description || (isError ? '' : 'Done')),
    ),
    body(response.content, `Fields of the answer ${status}`),
  );
}

// ---- The page ----

function intro() {
  const { info, servers } = state.document;
  const environment = h('input', {
    id: 'environment',
    value: state.environment,
    spellcheck: 'false',
    autocomplete: 'off',
    oninput: (event) => {
      state.environment = event.target.value.trim() || '{environmentId}';
      document.dispatchEvent(new Event('environment'));
    },
  });
  return h(
    'section',
    { class: 'intro' },
    h('h1', {}, `${info.title} API `, h('small', {}, info.version)),
    prose(info.description),
    h(
      'p',
      {},
      h('a', { href: '/openapi.json' }, 'The OpenAPI document'),
      servers?.[0] ? ` of ${servers[0].url}` : '',
    ),
    h('h2', {}, 'Who may call what'),
    h(
      'dl',
      { class: 'legend' },
      Object.entries(ACCESS).map(([access, { about }]) => [
        h('dt', {}, badge(access)),
        h('dd', {}, inline(about)),
      ]),
    ),
    h(
      'div',
      { class: 'field' },
      h('label', { for: 'environment' }, 'Environment in the curl commands'),
      environment,
    ),
  );
}

function draw() {
  const all = operations();
  const declared = (state.document.tags ?? []).map(({ name }) => name);
  const tags = [...new Set([...declared, ...all.map(({ tag }) => tag)])].filter((name) =>
    all.some(({ tag }) => tag === name),
  );
  $('title').textContent = state.document.info?.title ?? 'Stile';
  document.title = `${state.document.info?.title ?? 'Stile'} API`;
  $('nav').replaceChildren(
    ...tags.map((tag) =>
      h(
        'section',
        {},
        h('h2', {}, tag),
        h(
          'ul',
          {},
          all
            .filter((entry) => entry.tag === tag)
            .map((entry) =>
              h(
                'li',
                { 'data-text': haystack(entry) },
                h(
                  'a',
                  { href: `#${entry.id}` },
                  method(entry.name),
                  ' ',
                  h('span', {}, entry.operation.summary ?? entry.id),
                ),
              ),
            ),
        ),
      ),
    ),
  );
  $('content').replaceChildren(
    intro(),
    ...tags.map((tag) =>
      h(
        'section',
        { class: 'tag', 'aria-label': tag },
        h('h2', {}, tag),
        prose(state.document.tags?.find(({ name }) => name === tag)?.description),
        all.filter((entry) => entry.tag === tag).map(card),
      ),
    ),
    h('p', { id: 'nothing', hidden: true }, 'Nothing matches. Fewer letters find more.'),
  );
  filter();
  follow();
}

/** Opens what the address names. */
function follow() {
  const target = location.hash.length > 1 ? $(decodeURIComponent(location.hash.slice(1))) : undefined;
  for (const link of document.querySelectorAll('#nav a')) {
    if (link.hash === location.hash) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
  if (!target?.matches('details.operation')) return;
  if (target.hidden) {
    $('filter').value = '';
    filter();
  }
  target.open = true;
  target.scrollIntoView();
  target.firstChild.focus({ preventScroll: true });
}

function filter() {
  const words = $('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const element of document.querySelectorAll('[data-text]')) {
    element.hidden = !words.every((word) => element.dataset.text.includes(word));
  }
  for (const section of document.querySelectorAll('#nav section, .tag')) {
    section.hidden = !section.querySelector('[data-text]:not([hidden])');
  }
  const found = document.querySelectorAll('.operation:not([hidden])').length;
  $('found').textContent = words.length > 0 ? `${found} found` : `${found} operations`;
  if ($('nothing')) $('nothing').hidden = found > 0;
}

async function load() {
  try {
    const response = await fetch('/openapi.json');
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    state.document = await response.json();
  } catch (error) {
    $('content').replaceChildren(
      h(
        'div',
        { class: 'failed', role: 'alert' },
        h('p', {}, h('b', {}, 'The OpenAPI document did not come: '), String(error.message ?? error), '.'),
        h('button', { type: 'button', onclick: load }, 'Try again'),
      ),
    );
    return;
  }
  draw();
}

$('filter').addEventListener('input', filter);
addEventListener('hashchange', follow);
addEventListener('keydown', (event) => {
  const isTyping = event.target.matches('input, textarea');
  if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $('filter').focus();
  }
  if (event.key === 'Escape' && event.target === $('filter')) {
    $('filter').value = '';
    filter();
  }
  // From the filter straight to the first one found.
  if (event.key === 'Enter' && event.target === $('filter')) {
    const first = document.querySelector('.operation:not([hidden])');
    if (first) location.hash = first.id;
  }
});
await load();
