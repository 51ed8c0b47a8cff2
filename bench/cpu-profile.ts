/** Reads what `node --cpu-prof` wrote. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

/** A function called in one place of the tree of calls. */
export interface Call {
  /** Function, file and line. */
  readonly name: string;
  /** Time in the function itself, in microseconds. */
  selfUs: number;
  /** With all that it called. */
  totalUs: number;
  readonly calls: Call[];
}

/** The only profile in a directory. */
export function readProfile(dir: string): Call {
  const file = readdirSync(dir).find((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error(`no profile in ${dir}: did the node end by itself?`);
  return callTree(JSON.parse(readFileSync(path.join(dir, file), 'utf8')) as CpuProfile);
}

function callTree({ nodes, samples, timeDeltas }: CpuProfile): Call {
  const calls = new Map<number, Call>(
    nodes.map(({ id, callFrame }) => [
      id,
      { name: nameOf(callFrame), selfUs: 0, totalUs: 0, calls: [] },
    ]),
  );
  samples.forEach((id, at) => {
    calls.get(id)!.selfUs += timeDeltas[at]!;
  });
  for (const { id, children = [] } of nodes) {
    for (const child of children) calls.get(id)!.calls.push(calls.get(child)!);
  }
  const root = calls.get(nodes[0]!.id)!;
  addUp(root);
  return root;
}

function addUp(call: Call): number {
  call.totalUs = call.calls.reduce((sum, child) => sum + addUp(child), call.selfUs);
  return call.totalUs;
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url.replace(/^.*\/dist\//, '').replace(/^.*\/node_modules\//, '');
  return `${functionName || '(anonymous)'}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`;
}

const notBusy = new Set(['(idle)', '(root)']);

/** Functions by their own time, the longest first, and the time the thread was busy at all. */
export function selfTimes(root: Call): { busyUs: number; functions: [string, number][] } {
  const times = new Map<string, number>();
  const walk = (call: Call) => {
    if (!notBusy.has(call.name)) times.set(call.name, (times.get(call.name) ?? 0) + call.selfUs);
    call.calls.forEach(walk);
  };
  walk(root);
  const functions = [...times].sort((a, b) => b[1] - a[1]);
  return { busyUs: functions.reduce((sum, [, us]) => sum + us, 0), functions };
}
