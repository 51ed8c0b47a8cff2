/** `jepsen-lite check` as scripts call it: exit codes, messages, files; and the format it reads. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { check } from '../../jepsen-lite/check.js';
import { HistoryError, parseHistory } from '../../jepsen-lite/history.js';
import { pictureOf } from '../../jepsen-lite/picture.js';

const program = fileURLToPath(new URL('../../dist/jepsen-lite/cli.js', import.meta.url));
const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-check-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(...words: string[]) {
  const options = { cwd: dir, encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], options);
  return { code: status, out: stdout, error: stderr };
}

function save(name: string, ...lines: readonly (object | string)[]): string {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  writeFileSync(path.join(dir, name), `${text.join('\n')}\n`);
  return name;
}

const operation = { id: 0, p: 0, k: 'x', f: 'read', call: 0, ret: 1, st: 'ok', r: null };
const stale = { ...operation, id: 2, call: 4, ret: 5 };
const write = { id: 1, p: 0, k: 'x', f: 'write', a: '1', call: 2, ret: 3, st: 'ok' };

describe('check', () => {
  it('requirement 69: ends with 0 where the history is linearizable', () => {
    const { code, out, error } = run('check', save('good.jsonl', operation, write));
    expect([code, error]).toEqual([0, '']);
    expect(out).toBe('linearizable: 2 operations on 1 keys\n');
  });

  it('requirement 69: ends with 1 where it is not, and says why', () => {
    const { code, out, error } = run('check', save('bad.jsonl', operation, write, stale));
    expect([code, error]).toEqual([1, '']);
    expect(out.split('\n')).toEqual([
      'not linearizable: 3 operations on 1 keys',
      'key "x", line 3: read() -> null by process 0 fits no order of what came before',
      'shortest failing prefix: up to time 5, 3 operations on this key that matter',
      '',
    ]);
  });

  it('requirement 69: ends with 2 where a bound was reached', () => {
    const open = Array.from({ length: 200 }, (_, id) => ({
      ...{ id, p: id, k: 'x', f: 'sappend', a: `${id % 10}`, call: 0, ret: 1, st: 'ok' },
    }));
    const last = { ...operation, id: 999, f: 'append', a: 'y', call: 9, ret: 9 };
    const { code, out } = run('check', save('hard.jsonl', ...open, last), '--memory-limit', '1');
    expect(code).toBe(2);
    expect(out).toMatch(/^unknown: 201 operations on 1 keys\na time, step or memory bound/);
  });

  it('--json and --html', () => {
    const file = save('bad.jsonl', operation, write, stale);
    const { code, out } = run('check', file, '--json', '--html', 'out.html');
    expect(code).toBe(1);
    const failure = { key: 'x', isShortest: true, until: 5, prefix: [0, 1, 2], explained: [0, 1] };
    expect(JSON.parse(out)).toMatchObject({ verdict: 'not linearizable', failure });
    expect(readFileSync(path.join(dir, 'out.html'), 'utf8')).toContain('class="offending"');
  });

  it.each([
    [['check', 'missing.jsonl'], /^jepsen-lite: cannot read missing\.jsonl: ENOENT.*\n$/],
    [['check', '.'], /^jepsen-lite: cannot read \.: EISDIR.*\n$/],
    [['check', 'good.jsonl', '--html', 'no/where.html'], /^jepsen-lite: cannot write no\/where/],
    [['check'], /^error: missing required argument/],
    [['check', 'good.jsonl', '--time-limit', 'x'], /above 0/],
    [['nonsense'], /^error: unknown command/],
  ])('%j: exit code 2', (words, text) => {
    save('good.jsonl', operation);
    const { code, error } = run(...words);
    expect(error).toMatch(text);
    expect(code).toBe(2);
  });

  it('a malformed file: one line that names file and line, exit code 2', () => {
    const { code, out, error } = run('check', save('cut.jsonl', operation, '{"id":1,"p":'));
    expect([code, out, error]).toEqual([2, '', 'jepsen-lite: cut.jsonl: line 2: is not JSON\n']);
  });
});

describe('the format', () => {
  it('empty lines, a first line with the initial value, and none', () => {
    const good = `{"meta":{"init":"0"}}\n\n${JSON.stringify({ ...operation, r: '0' })}\r\n`;
    expect(check(parseHistory(good)).verdict).toBe('linearizable');
    expect(parseHistory('{"meta":{}}').init).toBe(null);
    expect(check(parseHistory(''))).toMatchObject({ verdict: 'linearizable', operations: 0 });
  });

  it('results are asked for only where the outcome is known', () => {
    const bare = { id: 0, p: 0, k: 'x', call: 0 };
    for (const st of ['fail', 'unknown']) {
      for (const f of ['read', 'del', 'getdel', 'lread']) {
        expect(parseHistory(JSON.stringify({ ...bare, f, st })).operations).toHaveLength(1);
      }
    }
  });

  it.each([
    ['[]', 'is not a JSON object'],
    ['null', 'is not a JSON object'],
    [{ ...operation, f: 'toString' }, '"f" must be one of read, write'],
    [{ ...operation, st: 'info' }, '"st" must be "ok", "fail" or "unknown"'],
    [{ ...operation, ret: undefined }, '"ret" must be an integer, and is missing'],
    [{ ...operation, call: 'soon' }, '"call" must be an integer, and is something else'],
    [{ ...operation, call: 1.5 }, '"call" must be an integer'],
    [{ ...operation, ret: -1 }, '"ret" -1 lies before "call" 0'],
    [{ ...operation, k: undefined }, '"k" must be a string, and is missing'],
    [{ ...operation, p: null }, '"p" must be an integer'],
    [{ ...operation, r: undefined }, '"r" must be a string or null, and is missing'],
    [{ ...operation, r: ['1'] }, '"r" must be a string or null'],
    [{ ...write, a: undefined }, '"a" must be a string'],
    [{ ...operation, f: 'cas', a: ['1'], r: true }, '"a" must be an array of the old and the new'],
    [{ ...operation, f: 'cas', a: ['1', '2'] }, '"r" must be true or false'],
    [{ ...operation, f: 'incr', a: '1', r: 1 }, '"a" must be an integer'],
    [{ ...operation, f: 'lread', r: 'a' }, '"r" must be an array of strings'],
    [{ ...operation, f: 'lread', r: ['a', null] }, '"r" must be an array of strings'],
    [{ ...operation, f: 'append', a: 'a', r: 0 }, '"r" must be a length above 0, or null'],
    [{ ...operation, f: 'del', r: 2 }, '"r" must be 0, 1 or null'],
    [{ meta: { init: null } }, '"meta" may only be in the first line'],
  ])('refuses %j', (line, text) => {
    const second = typeof line === 'string' ? line : JSON.stringify(line);
    const read = () => parseHistory(`${JSON.stringify(operation)}\n${second}`);
    expect(read).toThrow(HistoryError);
    expect(read).toThrow(`line 2: ${text}`);
  });

  it('refuses an initial value that is no string', () => {
    expect(() => parseHistory('{"meta":{"init":[]}}')).toThrow('line 1: "init" must be');
    expect(() => parseHistory('{"meta":1}')).toThrow('line 1: "meta" must be an object');
  });
});

describe('the picture', () => {
  const hostile = `<script>alert("1")</script>&'`;
  const page = (...lines: readonly object[]) => {
    const history = parseHistory(lines.map((line) => JSON.stringify(line)).join('\n'));
    return pictureOf(hostile, check(history));
  };

  it('escapes all that comes from the history and the name of the file', () => {
    const html = page(
      { ...write, k: hostile, a: hostile },
      { ...stale, k: hostile, r: `${hostile}!` },
    );
    expect(html).not.toMatch(/<script|alert\("|&'/);
    expect(html).toContain('&lt;script&gt;alert(\\&quot;1\\&quot;)&lt;/script&gt;&amp;&#39;!');
  });

  it('loads nothing, marks one operation and numbers the others', () => {
    const lost = { ...write, id: 3, p: 4, a: '9', st: 'unknown' };
    const html = page(operation, write, lost, stale);
    expect(html).not.toMatch(/\b(src|href)=|@import|url\(/);
    expect(html.match(/<g class="offending">/g)).toHaveLength(1);
    expect(html).toMatch(/>1\. read\(\) -&gt; null</);
    expect(html).toMatch(/>2\. write\(&quot;1&quot;\)</);
    expect(html).toContain('process 4');
  });

  it('says so where there is nothing to show', () => {
    expect(page(operation)).not.toContain('<svg');
    expect(page(operation)).toContain(': linearizable: 1 operations on 1 keys</h1>');
  });
});
