/**
 * Rules about the source itself: who may import what, what pure folders may touch, sizes, and
 * documents that must name what exists. What must break a size rule is listed with its reason.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { settingsTable } from '../src/settings-table.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const codeFolders = ['src', 'cmd', 'bench', 'jepsen-lite', 'test'];
const lineLengthMax = 100;
const fileLinesMax = 400;
const functionLinesMax = 70;

/** File, or file and function, to the reason why it may be longer than the rule. */
const sizeExceptions: ReadonlyMap<string, string> = new Map([]);

interface SourceFile {
  /** From the root of the project, with slashes. */
  readonly name: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

interface Import {
  /** A package, or a path from the root of the project without its ending. */
  readonly target: string;
  readonly typeOnly: boolean;
}

function listFiles(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/')))
    .filter((name) => /\.(ts|mjs)$/.test(name));
}

const sources: readonly SourceFile[] = codeFolders.flatMap(listFiles).map((name) => {
  const text = readFileSync(path.join(root, name), 'utf8');
  return { name, text, tree: ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true) };
});
const inFolder = (...folders: string[]) =>
  sources.filter(({ name }) => folders.some((folder) => name.startsWith(`${folder}/`)));

function importsOf({ name, tree }: SourceFile): Import[] {
  return tree.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const from = statement.moduleSpecifier;
    if (from === undefined || !ts.isStringLiteral(from)) return [];
    return [{ target: resolveImport(name, from.text), typeOnly: isTypeOnly(statement) }];
  });
}

function resolveImport(importer: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return path.posix.join(path.posix.dirname(importer), specifier).replace(/\.js$/, '');
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  const clause = statement.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) {
    return false;
  }
  return bindings.elements.every((element) => element.isTypeOnly);
}

const shared = ['src/host-port', 'src/limits', 'src/errors'];
/** Files of types that all but the core may look at. */
const openTypes = [
  'src/ports',
  'src/log',
  'src/raft/types',
  'src/raft/messages',
  'src/raft/effects',
  'src/raft/status',
];
const disk = ['node:fs', 'node:fs/promises', 'node:path', 'node:crypto'];
const sockets = ['src/read-into', 'node:net', 'node:tls'];

/** Folder to what it may import: a trailing slash means everything below. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/raft/': ['src/raft/'],
  'src/statemachine/': ['src/statemachine/', 'src/resp/args', 'src/resp/reply-sink', ...shared],
  // zlib for its checksum.
  'src/codec/': ['src/codec/', 'src/raft/types', 'msgpackr', 'node:zlib', ...shared],
  'src/resp/': ['src/resp/', 'redis-parser', ...shared],
  'src/storage/': ['src/storage/', 'src/codec/', 'classic-level', 'node:zlib', ...disk, ...shared],
  // crypto for the proof of the cluster's secret.
  'src/transport/': [
    'src/transport/',
    'src/codec/',
    'node:crypto',
    'node:zlib',
    ...sockets,
    ...shared,
  ],
  'src/server/': [
    'src/server/',
    'src/resp/',
    'src/statemachine/',
    'node:crypto',
    'node:os',
    'node:perf_hooks',
    ...sockets,
    ...shared,
  ],
  'src/node/': ['src/', 'node:'],
  'cmd/': [
    'cmd/',
    'commander',
    'zod',
    'redis-parser',
    'node:',
    'src/config',
    'src/config-sources',
    'src/settings',
    'src/host-port',
    'src/log',
    'src/errors',
    'src/node/node-host',
  ],
  // It looks at the program from outside: what it takes from src are words on the wire (a relay
  // reads who calls), names of types, and the generator of random numbers.
  'jepsen-lite/': [
    'jepsen-lite/',
    'cmd/resp-client',
    'cmd/leader-client',
    'commander',
    'redis-parser',
    'node:',
    'src/codec/hello',
    'src/transport/frame',
    'src/host-port',
    'src/statemachine/prng',
  ],
};

/** What codec encodes, it must know the type of. */
const encodedTypes = ['src/resp/args'];

function isAllowed({ target, typeOnly }: Import, folder: string): boolean {
  if (typeOnly && folder !== 'src/raft/' && openTypes.includes(target)) return true;
  if (typeOnly && folder === 'src/codec/' && encodedTypes.includes(target)) return true;
  return mayImport[folder]!.some((allowed) =>
    allowed.endsWith('/') || allowed.endsWith(':')
      ? target.startsWith(allowed)
      : target === allowed,
  );
}

function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

/** Every node of the tree that `find` gives a complaint for, with its place. */
function complaints(file: SourceFile, find: (node: ts.Node) => string | null): string[] {
  const found: string[] = [];
  const walk = (node: ts.Node): void => {
    const complaint = find(node);
    if (complaint !== null) {
      found.push(`${file.name}:${lineOf(file.tree, node.getStart(file.tree))} ${complaint}`);
    }
    ts.forEachChild(node, walk);
  };
  walk(file.tree);
  return found;
}

describe('imports', () => {
  it.each(Object.keys(mayImport))('requirement 61: %s imports only what it may', (folder) => {
    const wrong = inFolder(folder.slice(0, -1)).flatMap((file) =>
      importsOf(file)
        .filter((each) => !isAllowed(each, folder))
        .map(({ target, typeOnly }) => `${file.name} -> ${target}${typeOnly ? ' (type)' : ''}`),
    );
    expect(wrong).toEqual([]);
  });

  it.each([
    ['the program', ['src', 'cmd'], /^(test|bench|jepsen-lite)\//],
    ['bench and jepsen-lite', ['bench', 'jepsen-lite'], /^test\//],
  ] as const)('%s import nothing of what judges them', (_, folders, judges) => {
    const wrong = inFolder(...folders).filter((file) =>
      importsOf(file).some(({ target }) => judges.test(target)),
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('each file of src is used by the program, a bench or a test', () => {
    const imported = new Set(sources.flatMap((file) => importsOf(file).map((i) => i.target)));
    const unused = inFolder('src').filter(({ name }) => !imported.has(name.replace(/\.ts$/, '')));
    expect(unused.map(({ name }) => name).filter((name) => !name.endsWith('.d.ts'))).toEqual([]);
  });
});

describe('pure folders', () => {
  const pure = inFolder('src/raft', 'src/statemachine');
  const banned = [
    'Buffer',
    'Date',
    'console',
    'crypto',
    'fetch',
    'globalThis',
    'performance',
    'process',
    'queueMicrotask',
    'setImmediate',
    'setInterval',
    'setTimeout',
  ];

  it('requirement 61: touch no clock, no chance, no process', () => {
    const find = (node: ts.Node): string | null => {
      if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') {
        return 'Math.random';
      }
      if (!ts.isIdentifier(node) || !banned.includes(node.text)) return null;
      const { parent } = node;
      // A property or member of that name is something else.
      if (ts.isPropertyAccessExpression(parent) && parent.name === node) return null;
      const isName = 'name' in parent && parent.name === node;
      return isName ? null : node.text;
    };
    expect(pure.flatMap((file) => complaints(file, find))).toEqual([]);
  });

  it('keep no state in modules', () => {
    const wrong = pure.flatMap(({ name, tree }) =>
      tree.statements
        .filter(ts.isVariableStatement)
        .filter(({ declarationList }) => (declarationList.flags & ts.NodeFlags.Const) === 0)
        .map((statement) => `${name}:${lineOf(tree, statement.getStart(tree))}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('sizes', () => {
  it(`lines have at most ${lineLengthMax} characters`, () => {
    const wrong = sources.flatMap(({ name, text }) =>
      text
        .split('\n')
        .flatMap((line, at) => (line.length > lineLengthMax ? [`${name}:${at + 1}`] : [])),
    );
    expect(wrong).toEqual([]);
  });

  it(`files have at most ${fileLinesMax} lines`, () => {
    const long = sources
      .map(({ name, text }) => ({ name, lines: text.trimEnd().split('\n').length }))
      .filter(({ name, lines }) => lines > fileLinesMax && !sizeExceptions.has(name));
    expect(long).toEqual([]);
  });

  it(`functions have at most ${functionLinesMax} lines`, () => {
    const long = inFolder('src', 'cmd', 'bench', 'jepsen-lite').flatMap((file) =>
      complaints(file, (node) => tooLong(file, node)),
    );
    expect(long).toEqual([]);
  });

  function tooLong({ name, tree }: SourceFile, node: ts.Node): string | null {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return null;
    const own = node.name?.getText() ?? '';
    const lines = lineOf(tree, node.end) - lineOf(tree, node.getStart(tree)) + 1;
    if (lines <= functionLinesMax || sizeExceptions.has(`${name} ${own}`)) return null;
    return `${own} has ${lines} lines`;
  }

  it('has no exception that is not needed any more', () => {
    const known = [...sizeExceptions.keys()].map((key) => key.split(' ')[0]);
    expect(known.filter((name) => !sources.some((file) => file.name === name))).toEqual([]);
  });
});

describe('habits', () => {
  const own = 'test/tidy.test.ts';

  it('no test is singled out, none is skipped without a condition', () => {
    const pattern = /\b(it|test|describe)\.(only|skip|todo)\b/;
    const wrong = inFolder('test').filter(({ name, text }) => name !== own && pattern.test(text));
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('src writes to its log, not to the console', () => {
    const find = (node: ts.Node) =>
      ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console'
        ? node.getText()
        : null;
    expect(inFolder('src').flatMap((file) => complaints(file, find))).toEqual([]);
  });

  it('nothing is left to be done later', () => {
    const pattern = /\b(TODO|FIXME|XXX)\b/;
    const wrong = sources.filter(({ name, text }) => name !== own && pattern.test(text));
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('each file of src and cmd begins with what it is responsible for', () => {
    const wrong = inFolder('src', 'cmd').filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text));
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('no file names a path of the machine it was written on', () => {
    const documents = [
      'README.md',
      'CHANGELOG.md',
      'package.json',
      '.ci/run',
      'src/ARCHITECTURE.md',
    ];
    const texts = [
      ...sources,
      ...documents.map((name) => ({ name, text: readFileSync(path.join(root, name), 'utf8') })),
    ];
    const machine = new RegExp(['work', 'root', 'home', 'Users'].map((d) => `/${d}/`).join('|'));
    const wrong = texts.filter(({ name, text }) => name !== own && machine.test(text));
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('package-lock.json names no registry', () => {
    expect(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"/);
  });
});

describe('documents', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

  it.each(settingsTable.map(({ name }) => name))('the README names the setting %s', (name) => {
    expect(readme).toContain(`\`${name}\``);
  });

  it('the README gives the two commands', () => {
    expect(readme).toContain('npm start');
    expect(readme).toContain('npm test');
  });
});
