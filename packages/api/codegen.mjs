// Writes src/generated.ts from the server's OpenAPI document: one type per component schema, one constant per operation
// of the SDK.
//
//   node packages/api/codegen.mjs [document] [--out file] [--check]
//
// The document is /openapi.json of the repository unless another is named. `--check` writes nothing and exits
// with 1 and a diff when the committed file is stale. The output depends on the document, contract.json and
// src/enums.ts only.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');

/**
 * Member names that the rule of `memberName` would not give, by `Enum.value`. None is known today; put one here
 * with its reason instead of bending the rule.
 */
const MEMBER_NAME_EXCEPTIONS = {};

/**
 * The public contract's name of an enum member: the words between `_`, `-`, `.` and blanks are joined, each with a
 * capital first letter. All other characters vanish without starting a word, which is where the odd names come
 * from: `wallet:export` is `Walletexport`, `business_account:link_wallet` is `BusinessAccountlinkWallet`. A value
 * without lower-case letters is lowered first (`TWO_OF_TWO` is `TwoOfTwo`), one that starts with a digit gets `_`.
 */
export function memberName(enumName, value) {
  const exception = MEMBER_NAME_EXCEPTIONS[`${enumName}.${value}`];
  if (exception) return exception;
  const text = /[a-z]/.test(value) ? value : value.toLowerCase();
  const name = text
    .split(/[_\-.\s]+/)
    .map((word) => word.replace(/[^A-Za-z0-9]/g, ''))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  return /^\d/.test(name) ? `_${name}` : name || 'Empty';
}

/** The enums of src/enums.ts: name → members. */
export function handWrittenEnums(source) {
  const enums = new Map();
  for (const [, name, body] of source.matchAll(/export const (\w+) = \{\n([^}]*)\} as const;/g)) {
    const members = [...body.matchAll(/^\s*(\w+): '([^']*)',$/gm)].map(([, member, value]) => [
      member,
      value,
    ]);
    enums.set(name, members);
  }
  return enums;
}

/**
 * The schemas of contract.json, which holds the part of the public contract that apps see, in short: `name?` is
 * optional; a type is `string`, `number`, `boolean`, `date`, `object`, `unknown` or the name of a schema, perhaps with
 * `[]` or ` | null` behind it; a list of strings is an enum.
 */
export function parseContract(contract) {
  const typeSchema = (text) => {
    if (text.endsWith(' | null'))
      return { oneOf: [typeSchema(text.slice(0, -' | null'.length)), { type: 'null' }] };
    if (text.endsWith('[]')) return { type: 'array', items: typeSchema(text.slice(0, -2)) };
    if (text === 'date') return { type: 'string', format: 'date-time' };
    if (text === 'unknown') return {};
    if (/^[a-z]/.test(text)) return { type: text };
    return { $ref: `#/components/schemas/${text}` };
  };
  const schemaOf = (value) => {
    if (Array.isArray(value)) return { type: 'string', enum: value };
    const fields = Object.entries(value).map(([key, type]) => [key.replace(/\?$/, ''), typeSchema(type)]);
    const required = Object.keys(value).filter((key) => !key.endsWith('?'));
    return { type: 'object', properties: Object.fromEntries(fields), required };
  };
  return Object.fromEntries(Object.entries(contract).map(([name, value]) => [name, schemaOf(value)]));
}

/**
 * The document's schemas, made up to the contract: apps that come from there find the types and fields that they know,
 * also where this server does not use them (then optional). Of a field that both have, the contract says the type (the
 * document may call a date or an enum a string), the document whether it is always there.
 */
export function withContract(schemas, contract) {
  const merged = { ...schemas };
  for (const [name, theirs] of Object.entries(contract)) {
    const ours = schemas[name];
    if (!ours) merged[name] = theirs;
    else if (theirs.enum)
      merged[name] = { ...theirs, enum: [...new Set([...theirs.enum, ...(ours.enum ?? [])])] };
    else merged[name] = mergeObjects(flatten(ours, schemas), theirs) ?? ours;
    if (ours?.description) merged[name] = { ...merged[name], description: ours.description };
  }
  return merged;
}

function mergeObjects(ours, theirs) {
  if (!ours) return undefined;
  const properties = { ...ours.properties };
  for (const [key, schema] of Object.entries(theirs.properties)) {
    const description = properties[key]?.description;
    properties[key] = description ? { ...schema, description } : schema;
  }
  return { type: 'object', properties, required: ours.required };
}

/** Properties of an object schema with those of its parts; `undefined` for other schemas. */
function flatten(schema, schemas) {
  if (schema?.$ref) return flatten(schemas[refName(schema.$ref)], schemas);
  if (!schema || schema.oneOf || schema.anyOf || !(schema.properties || schema.allOf)) return undefined;
  const parts = (schema.allOf ?? []).map((part) => flatten(part, schemas));
  if (parts.includes(undefined)) return undefined;
  return {
    properties: Object.assign({}, ...parts.map((part) => part.properties), schema.properties),
    required: [...parts.flatMap((part) => part.required), ...(schema.required ?? [])],
  };
}

/** The text of generated.ts. `enums` is what src/enums.ts holds, `contract` the parsed contract.json. */
export function generate(document, enums = new Map(), contract = {}) {
  const schemas = withContract(document?.components?.schemas ?? {}, contract);
  const names = Object.keys(schemas).sort();
  const byHand = new Set();
  const out = [];
  /** The type of a reference, noting what must be imported. */
  const use = (used) => {
    if (enums.has(used)) byHand.add(used);
    return enums.has(used) || used in schemas ? identifier(used) : 'unknown';
  };
  for (const name of names) {
    if (enums.has(name)) {
      refuseNewValues(name, schemas[name], enums.get(name));
      continue;
    }
    out.push(declaration(name, schemas[name], use));
    const paths = datePaths(schemas[name], schemas, [name]);
    if (paths.length > 0) {
      out.push(
        `/** Where {@link ${identifier(name)}} holds dates, which are strings in the JSON text. */\n` +
          `export const ${identifier(name)}Dates: readonly string[] = ${list(paths)};\n`,
      );
    }
  }
  out.push(...operations(document?.paths ?? {}));
  const imports = [...byHand].sort();
  const head = [
    '// Generated by packages/api/codegen.mjs from the OpenAPI document of the server. Do not edit.',
    ...(imports.length > 0 ? [`import type { ${imports.join(', ')} } from './enums.js';`] : []),
  ];
  // A module without any export would not be a module.
  return `${head.join('\n')}\n\n${out.length > 0 ? out.join('\n') : 'export {};\n'}`;
}

function refuseNewValues(name, schema, members) {
  const known = new Set(members.map(([, value]) => value));
  const missing = (enumValues(schema) ?? []).filter((value) => !known.has(value));
  if (missing.length > 0) {
    throw new Error(`src/enums.ts: ${name} lacks ${missing.join(', ')}, which the OpenAPI document has`);
  }
}

function declaration(name, schema, use) {
  const id = identifier(name);
  const values = enumValues(schema);
  if (values) {
    const members = new Map();
    for (const value of values) {
      const member = memberName(name, value);
      if (members.has(member))
        throw new Error(`${name}: ${value} and ${members.get(member)} are both ${member}`);
      members.set(member, value);
    }
    const lines = [...members].map(([member, value]) => `  ${member}: ${quote(value)},`);
    return (
      `${comment(schema.description)}export const ${id} = {\n${lines.join('\n')}\n} as const;\n` +
      `/** Wire value of {@link ${id}}. */\nexport type ${id} = (typeof ${id})[keyof typeof ${id}];\n`
    );
  }
  return `${comment(schema.description)}export type ${id} = ${typeOf(schema, '', use)};\n`;
}

const SDK = '/api/v0/sdk/{environmentId}';

/**
 * What a caller must know of each operation below the environment: method, path, the scopes of elevated tokens that it
 * takes (of several the body decides which), and whether it takes a device proof. One with parameters in its path is a
 * function of them. Each is a constant of its own, so that bundlers leave out what an app does not call.
 */
function operations(paths) {
  const found = Object.entries(paths).filter(([path]) => path.startsWith(SDK));
  return found.flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      const route = path.slice(SDK.length);
      const names = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const scopes = (operation.security ?? []).flatMap((way) => Object.values(way).flat());
      const device = operation.parameters?.some(({ name }) => name === 'x-dynamic-device-nonce');
      const known = [
        `method: ${quote(method.toUpperCase())}`,
        ...(scopes.length > 0 ? [`scopes: ${list(scopes)}`] : []),
        ...(device ? ['deviceProof: true'] : []),
      ];
      const filled = route.replace(/\{(\w+)\}/g, (_, name) => `\${encodeURIComponent(${name})}`);
      const made =
        names.length > 0
          ? `(${names.map((name) => `${name}: string`).join(', ')}): {\n` +
            `  ${[...known, 'path: string'].join(';\n  ').replace('[', 'readonly [')};\n` +
            `} => ({ ${[...known, `path: \`${filled}\``].join(', ')} })`
          : `{ ${[...known, `path: ${quote(route)}`].join(', ')} } as const`;
      return `${comment(operation.summary)}export const ${operation.operationId}Operation = ${made};\n`;
    }),
  );
}

/** The values when the schema is a plain string enum. */
function enumValues(schema) {
  const isString = schema.type === undefined || schema.type === 'string';
  return isString && schema.enum?.every((value) => typeof value === 'string') ? schema.enum : undefined;
}

function typeOf(schema, indent, use) {
  if (schema === true || schema === undefined) return 'unknown';
  if (schema === false) return 'never';
  if (schema.$ref) return use(refName(schema.$ref));
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return union(schema.enum.map(literal));
  const parts = schema.oneOf ?? schema.anyOf;
  const members = [];
  if (schema.allOf) members.push(...schema.allOf.map((part) => wrap(typeOf(part, indent, use))));
  if (parts) members.push(wrap(union(parts.map((part) => typeOf(part, indent, use)))));
  if (schema.type || schema.properties || schema.additionalProperties || members.length === 0) {
    const types = Array.isArray(schema.type) ? schema.type : [schema.type];
    members.push(wrap(union(types.map((type) => simpleType(type, schema, indent, use)))));
  }
  return members.length === 1 ? unwrap(members[0]) : members.join(' & ');
}

function simpleType(type, schema, indent, use) {
  switch (type) {
    case 'string':
      return schema.format === 'date-time' ? 'Date' : 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
    case 'null':
      return type;
    case 'array':
      if (schema.prefixItems)
        return `[${schema.prefixItems.map((item) => typeOf(item, indent, use)).join(', ')}]`;
      return `${wrap(typeOf(schema.items, indent, use))}[]`;
    default:
      return type === 'object' || schema.properties || schema.additionalProperties
        ? objectType(schema, indent, use)
        : 'unknown';
  }
}

function objectType(schema, indent, use) {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const optional = required.has(key) ? '' : '?';
    return `${comment(value.description, inner)}${inner}${propertyKey(key)}${optional}: ${typeOf(value, inner, use)};`;
  });
  const rest = schema.additionalProperties;
  if (rest && lines.length === 0) return `Record<string, ${typeOf(rest, indent, use)}>`;
  if (rest) lines.push(`${inner}[key: string]: unknown;`);
  if (lines.length === 0) return 'Record<string, unknown>';
  return `{\n${lines.join('\n')}\n${indent}}`;
}

/** Paths of the date-time fields below a schema, `*` standing for each element of an array or map. */
function datePaths(schema, schemas, seen) {
  if (!schema || typeof schema !== 'object') return [];
  if (schema.$ref) {
    const name = refName(schema.$ref);
    // A schema that holds itself would go on for ever.
    return seen.includes(name) ? [] : datePaths(schemas[name], schemas, [...seen, name]);
  }
  if (schema.format === 'date-time') return [''];
  const below = (key, value) =>
    datePaths(value, schemas, seen).map((path) => (path ? `${key}.${path}` : key));
  const found = [
    ...[...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].flatMap((part) =>
      datePaths(part, schemas, seen),
    ),
    ...Object.entries(schema.properties ?? {}).flatMap(([key, value]) => below(key, value)),
    ...(schema.items ? below('*', schema.items) : []),
    ...(typeof schema.additionalProperties === 'object' ? below('*', schema.additionalProperties) : []),
  ];
  return [...new Set(found)].sort();
}

const refName = (ref) => ref.split('/').pop();
const identifier = (name) => name.replace(/[^A-Za-z0-9_$]/g, '_');
const quote = (text) => `'${text.replace(/[\\']/g, '\\$&').replace(/\n/g, '\\n')}'`;
const literal = (value) => (typeof value === 'string' ? quote(value) : JSON.stringify(value));
const propertyKey = (key) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key));
const union = (types) => [...new Set(types)].join(' | ');
const wrap = (type) => (/^[^{[(]*[|&]/.test(type) ? `(${type})` : type);
const unwrap = (type) => (/^\([^()]*\)$/.test(type) ? type.slice(1, -1) : type);

function list(items) {
  const line = `[${items.map(quote).join(', ')}]`;
  return line.length < 80 ? line : `[\n${items.map((item) => `  ${quote(item)},\n`).join('')}]`;
}

function comment(text, indent = '') {
  if (!text) return '';
  const lines = text.trim().replace(/\*\//g, '* /').split('\n');
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`;
}

/** The lines that differ, between the common beginning and the common end. */
export function diff(before, after) {
  const a = before.split('\n');
  const b = after.split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const lines = [
    `@@ line ${start + 1} @@`,
    ...a.slice(start, a.length - end).map((line) => `-${line}`),
    ...b.slice(start, b.length - end).map((line) => `+${line}`),
  ];
  return lines.length > 120
    ? [...lines.slice(0, 120), `… ${lines.length - 120} more lines`].join('\n')
    : lines.join('\n');
}

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

function main(args) {
  const options = new Map();
  const rest = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--check') options.set('check', true);
    else if (args[i] === '--out') options.set('out', args[++i]);
    else rest.push(args[i]);
  }
  const source = resolve(rest[0] ?? join(root, 'openapi.json'));
  const target = resolve(options.get('out') ?? join(here, 'src/generated.ts'));
  const enums = handWrittenEnums(readFileSync(join(here, 'src/enums.ts'), 'utf8'));
  const contract = parseContract(readJson(join(here, 'contract.json')));
  // Before the server has written its first document, the contract alone makes the types.
  const text = generate(rest.length > 0 || existsSync(source) ? readJson(source) : {}, enums, contract);
  const shown = relative(process.cwd(), target);
  if (!options.has('check')) {
    writeFileSync(target, text);
    console.log(`${shown}: written`);
    return;
  }
  const committed = readFileSync(target, 'utf8');
  if (committed !== text) {
    console.error(`${shown} is stale; run \`node packages/api/codegen.mjs\`\n${diff(committed, text)}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  main(process.argv.slice(2));
