/**
 * The known-bad control (requirement 68): reads of a follower that does not hear its leader,
 * recorded as if they were linearizable. A checker that accepts this history accepts anything.
 * Null: no write or no read came through, and it says nothing.
 */
import { Connection } from './connection.js';
import { losePowerEverywhere } from './disk-nemeses.js';
import { type Harm, healAll } from './nemesis.js';
import { waitFor } from './node-cluster.js';
import { Recorder } from './recorder.js';

const writes = 5;
const key = 'control';

export async function staleReadControl({ cluster, links }: Harm): Promise<Recorder | null> {
  const history = new Recorder();
  const leader = await cluster.leader();
  const follower = cluster.ids.find((id) => id !== leader)!;
  const writer = await Connection.open(cluster.address(leader));
  const reader = await Connection.open(cluster.address(follower));
  if (writer === null || reader === null) throw new Error('control: the nodes do not answer');
  const [p, q] = [history.newProcess(), history.newProcess()];
  const run = async (on: Connection, process: number, f: string, words: readonly string[]) => {
    const call = Recorder.now();
    const [r] = (await on.ask([words])) ?? [];
    if (r === undefined || r instanceof Error) return;
    const a = f === 'write' ? { a: words[2] } : {};
    history.add({ p: process, k: key, f, ...a, call, ret: Recorder.now(), st: 'ok', r });
  };
  await run(writer, p, 'write', ['SET', key, 'before']);
  await cluster.equalDigest();
  await reader.ask([['READONLY']]);
  // It may have come back just now, and serves once it knows how old it is.
  await waitFor('stale reads', async () => {
    const [reply] = (await reader.ask([['GET', key]])) ?? [];
    return reply === 'before' || null;
  });
  // Only this, which is quick: a follower that does not hear soon refuses stale reads too.
  links.cut(leader, follower);
  for (let count = 0; count < writes; count++) {
    await run(writer, p, 'write', ['SET', key, `after ${count}`]);
    await run(reader, q, 'read', ['GET', key]);
  }
  links.heal();
  writer.close();
  reader.close();
  await cluster.ready();
  const done = (f: string) => history.operations.filter((operation) => operation.f === f).length;
  return done('write') > 1 && done('read') > 0 ? history : null;
}

const writesBeforePowerLoss = 500;
const comeBackMsMax = 8000;

/**
 * With `durability os` a loss of power everywhere loses acknowledged writes: if it does not, the
 * power losses of this run prove nothing. How many were lost.
 */
export async function powerLossControl(harm: Harm): Promise<number> {
  const { cluster } = harm;
  const leader = await cluster.leader();
  const writer = await Connection.open(cluster.address(leader));
  const acknowledged: string[] = [];
  for (let at = 0; at < writesBeforePowerLoss; at++) {
    const name = `power:${at}`;
    const [reply] = (await writer?.ask([['SET', name, 'x']])) ?? [];
    if (reply === 'OK') acknowledged.push(name);
  }
  writer?.close();
  await losePowerEverywhere(harm);
  await healAll(harm);
  // Nodes that find their log gone do not serve: that is a loss too.
  const back = await cluster.leader(comeBackMsMax).catch(() => null);
  if (back === null) return acknowledged.length;
  const reader = await Connection.open(cluster.address(back));
  const [values] = (await reader?.ask([['MGET', ...acknowledged]])) ?? [];
  reader?.close();
  if (!Array.isArray(values)) return acknowledged.length;
  return values.filter((value) => value === null).length;
}
