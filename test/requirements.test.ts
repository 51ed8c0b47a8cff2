/**
 * Each numbered requirement of the Raft core and of what tests it is shown by a test that names
 * its number, or the table in src/raft/README.md says why it does not apply; and the table tells
 * no lies.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const requirements = Array.from({ length: 69 }, (_, at) => at + 1);
const notOffered = /^(?:not offered|does not apply): .{20,}/;

/** The text of the first argument of it(), test() and describe(), their variants included. */
function titlesOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const titles: string[] = [];
  const walk = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)$/.test(innermost(node.expression))) {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
      if (title !== undefined && ts.isTemplateExpression(title)) titles.push(title.head.text);
    }
    ts.forEachChild(node, walk);
  };
  walk(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true));
  return titles;
}

/** `it` of `it.each(...)`. */
function innermost(called: ts.Expression): string {
  if (ts.isCallExpression(called) || ts.isPropertyAccessExpression(called)) {
    return innermost(called.expression);
  }
  return ts.isIdentifier(called) ? called.text : '';
}

function numbersIn(titles: readonly string[]): number[] {
  return titles.flatMap((title) => {
    const list = /^requirements? (\d+(?:, \d+)*): /.exec(title)?.[1];
    return list === undefined ? [] : list.split(', ').map(Number);
  });
}

const files = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => path.posix.join('test', name.split(path.sep).join('/')));
/** File without its ending to the numbers in its titles. */
const shown = new Map<string, number[]>();
for (const file of files) {
  const name = file.replace(/(\.test)?\.ts$/, '');
  shown.set(name, [...(shown.get(name) ?? []), ...numbersIn(titlesOf(file))]);
}

interface Row {
  readonly code: string;
  readonly test: string;
}

const readme = readFileSync(path.join(root, 'src/raft/README.md'), 'utf8');
const table = new Map<number, Row>(
  [...readme.matchAll(/^\| (\d+) +\| ([^|]*?) *\| ([^|]*?) *\|$/gm)].map(
    ([, number, code, test]) => [Number(number), { code: code!, test: test! }],
  ),
);
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

describe('requirements', () => {
  it('are all in the table, once, in order', () => {
    expect([...table.keys()]).toEqual(requirements);
  });

  it.each(requirements)('%i is named by a test, or the table says why not', (number) => {
    const tests = [...shown].filter(([, numbers]) => numbers.includes(number));
    if (tests.length === 0) expect(table.get(number)!.code).toMatch(notOffered);
  });

  it.each(requirements)('%i: the tests in the table show it, the code is there', (number) => {
    const { code, test } = table.get(number)!;
    for (const name of quoted(test)) {
      expect(shown.get(`test/${name}`), `test/${name}`).toContain(number);
    }
    for (const name of quoted(code)) {
      const places = [`src/${name}.ts`, `${name}.ts`, `src/${name}`, name];
      expect(
        places.filter((each) => existsSync(path.join(root, each))),
        name,
      ).not.toEqual([]);
    }
  });
});
