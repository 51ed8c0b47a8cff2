/** One test per rule on configurations (dissertation chapter 4; requirements 50 to 55). */
import { describe, expect, test } from 'vitest';
import {
  ConfigurationHistory,
  finalConfiguration,
  planChange,
} from '../../src/raft/configuration.js';
import { Cluster } from './cluster.js';
import { withLearner, without } from './membership.js';
import {
  ack,
  append,
  Bench,
  configEntry,
  configurationOf,
  elect,
  heartbeat,
  leaderBench,
  restoredLog,
  three,
} from './support.js';

describe('legal changes', () => {
  test('one voter more, less or promoted goes directly', () => {
    for (const wanted of [
      configurationOf(['n1', 'n2', 'n3', 'n4']),
      configurationOf(['n1', 'n2']),
      configurationOf(['n1', 'n2'], ['n3']),
      configurationOf(['n1', 'n2', 'n3'], ['n4', 'n5']),
    ]) {
      expect(planChange(three, wanted)).toBe(wanted);
    }
  });

  test('several voters go through a joint configuration', () => {
    const wanted = configurationOf(['n1', 'n4', 'n5'], ['n6']);
    const joint = planChange(three, wanted)!;
    expect(joint).toMatchObject({ voters: wanted.voters, outgoing: three.voters });
    expect(joint.members.map((member) => member.id).sort()).toEqual([
      'n1',
      'n2',
      'n3',
      'n4',
      'n5',
      'n6',
    ]);
    expect(finalConfiguration(joint)).toEqual(wanted);
  });

  test.each([
    configurationOf([]),
    configurationOf(['n1'], ['n1']),
    { ...configurationOf(['n1', 'n2']), voters: ['n1', 'n2', 'n2'] },
    { ...configurationOf(['n1', 'n2']), members: [] },
    configurationOf(['n1'], [], ['n2']),
  ])('illegal: %j', (wanted) => {
    expect(planChange(three, wanted)).toBeNull();
  });
});

describe('the history of configurations', () => {
  const two = configurationOf(['n1', 'n2']);

  test('requirement 51: the newest holds when appended and goes when truncated', () => {
    const history = new ConfigurationHistory(null, [configEntry(1, 1, three)]);
    history.append(configEntry(1, 5, two));
    expect([history.latest, history.at(4), history.at(5)]).toEqual([two, three, two]);
    history.truncateFrom(5);
    expect([history.latest, history.latestIndex]).toEqual([three, 1]);
  });

  test('what is committed cannot be truncated', () => {
    const history = new ConfigurationHistory(null, [configEntry(1, 1, three)]);
    history.append(configEntry(1, 5, two));
    history.committed(5);
    expect(() => history.truncateFrom(5)).toThrow(/INVARIANT/);
  });

  test('requirement 51: a snapshot takes the place of what it covers', () => {
    const history = new ConfigurationHistory(null, [configEntry(1, 1, three)]);
    history.append(configEntry(1, 9, two));
    const meta = { lastIncludedIndex: 5, lastIncludedTerm: 1, configuration: three };
    history.restore(meta, true);
    expect(history.latest).toBe(two);
    history.restore({ ...meta, lastIncludedIndex: 7 }, false);
    expect(history.latest).toBe(three);
  });
});

describe('changes on the leader', () => {
  test('requirement 50: not before an entry of the own term is committed (Ongaro 2015)', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three, commit: 1 }));
    elect(bench);
    const wanted = configurationOf(['n1', 'n2']);
    expect(bench.core.changeConfiguration(wanted)).toEqual({ ok: false, reason: 'change-pending' });
    ack(bench, 'n2', bench.core.lastLogIndex);
    expect(bench.core.changeConfiguration(wanted)).toMatchObject({ ok: true });
  });

  test('requirement 50: one at a time', () => {
    const bench = leaderBench();
    const first = configurationOf(['n1', 'n2', 'n3'], ['n4']);
    expect(bench.core.changeConfiguration(first).ok).toBe(true);
    const second = configurationOf(['n1', 'n2', 'n3'], ['n4', 'n5']);
    expect(bench.core.changeConfiguration(second)).toMatchObject({ reason: 'change-pending' });
    ack(bench.sync(), 'n2', bench.core.lastLogIndex);
    expect(bench.core.changeConfiguration(second).ok).toBe(true);
  });

  test('holds as soon as it is appended: the new voter counts', () => {
    const bench = leaderBench(configurationOf(['n1', 'n2']));
    bench.core.changeConfiguration(configurationOf(['n1', 'n2', 'n3']));
    const index = bench.sync().core.lastLogIndex;
    expect(bench.core.commitIndex).toBe(index - 1);
    expect(bench.take('append-request').map((m) => m.to)).toContain('n3');
    ack(bench, 'n3', index);
    expect(bench.core.commitIndex).toBe(index);
  });

  test('requirement 52: a new learner does not count', () => {
    const bench = leaderBench(configurationOf(['n1', 'n2']));
    bench.core.changeConfiguration(configurationOf(['n1', 'n2'], ['n3']));
    const index = bench.sync().core.lastLogIndex;
    ack(bench, 'n3', index);
    expect(bench.core.commitIndex).toBe(index - 1);
  });

  test('a joint change ends by itself, with both majorities', () => {
    const bench = leaderBench();
    const wanted = configurationOf(['n1', 'n4', 'n5']);
    bench.core.changeConfiguration(wanted);
    const joint = bench.sync().core.lastLogIndex;
    ack(bench, 'n4', joint);
    expect(bench.core.commitIndex).toBe(joint - 1);
    expect(bench.core.changeConfiguration(three)).toMatchObject({ reason: 'change-pending' });
    ack(bench, 'n2', joint);
    expect(bench.core.commitIndex).toBe(joint);
    expect(bench.sync().core.status().configuration).toEqual(wanted);
    ack(bench, 'n5', bench.core.lastLogIndex);
    expect(bench.core.status().committedConfiguration).toEqual(wanted);
  });

  test('a new leader in a joint configuration ends the change', () => {
    const joint = configurationOf(['n1', 'n2'], [], ['n1', 'n2', 'n3']);
    const bench = new Bench('n1', restoredLog({ configuration: joint, commit: 1 }));
    elect(bench);
    ack(bench, 'n2', bench.core.lastLogIndex).sync();
    expect(bench.core.status().configuration).toEqual(configurationOf(['n1', 'n2']));
  });

  test('requirement 54: a leader that removed itself leaves after the commit', () => {
    const bench = leaderBench();
    bench.core.changeConfiguration(configurationOf(['n2', 'n3']));
    const index = bench.sync().forget().core.lastLogIndex;
    ack(bench, 'n2', index);
    expect(bench.core.role).toBe('leader');
    ack(bench, 'n3', index);
    expect([bench.core.role, bench.core.removed]).toEqual(['learner', true]);
    expect(bench.take('timeout-now')).toHaveLength(1);
    expect(bench.tick(100).core.role).toBe('learner');
  });

  test('requirement 54: a removed follower learns it and stops campaigning', () => {
    const bench = leaderBench();
    const { term } = bench.core;
    bench.core.changeConfiguration(configurationOf(['n1', 'n2']));
    const index = bench.sync().core.lastLogIndex;
    expect(bench.take('append-request').map((m) => m.to)).toEqual(['n2', 'n3']);
    ack(bench, 'n3', index);
    ack(bench, 'n2', index);
    expect(
      bench
        .take('heartbeat-request')
        .map((m) => m.to)
        .sort(),
    ).toEqual(['n2', 'n3']);
    expect(bench.core.status().peers.map((peer) => peer.id)).toEqual(['n2']);
    for (let at = 0; at < 10; at++) {
      bench.step({ kind: 'heartbeat-response', from: 'n2', term, round: 1 }).tick();
    }
    const out = new Bench('n3', restoredLog({ configuration: three }));
    const removal = configEntry(2, 2, configurationOf(['n1', 'n2']));
    append(out, 2, [1, 1], [removal], 2, 'n1').sync();
    expect([out.core.removed, out.core.role]).toEqual([true, 'learner']);
    expect(out.tick(100).core.term).toBe(2);
    expect(
      bench
        .forget()
        .tick()
        .take('heartbeat-request')
        .map((m) => m.to),
    ).not.toContain('n3');
  });

  test('nothing of a removed peer is remembered when its name comes back', () => {
    const bench = leaderBench();
    bench.core.changeConfiguration(configurationOf(['n1', 'n2']));
    ack(bench.sync(), 'n2', bench.core.lastLogIndex);
    bench.core.changeConfiguration(configurationOf(['n1', 'n2'], ['n3']));
    const peer = bench
      .pump()
      .core.status()
      .peers.find((one) => one.id === 'n3');
    expect(peer).toMatchObject({ matchIndex: 0, state: 'probe' });
  });
});

describe('another directory under an old name', () => {
  test('requirement 8: nothing known about the old one is believed of the new one', () => {
    const bench = leaderBench();
    const matched = () => bench.core.status().peers.find((one) => one.id === 'n3')?.matchIndex;
    expect(matched()).toBeGreaterThan(0);
    const wanted = configurationOf(['n1', 'n2'], ['n3']);
    const members = wanted.members.map((member) =>
      member.id === 'n3' ? { ...member, incarnation: 'another' } : member,
    );
    bench.core.changeConfiguration({ ...wanted, members });
    expect(
      bench
        .pump()
        .core.status()
        .peers.map((one) => one.id),
    ).toEqual(['n2', 'n3']);
    expect(matched()).toBe(0);
  });

  test('what is known of the others stays', () => {
    const bench = leaderBench();
    const before = bench.core.status().peers;
    bench.core.changeConfiguration(configurationOf(['n1', 'n2', 'n3'], ['n4']));
    const after = bench.core.status().peers;
    expect(after.slice(0, 2).map((peer) => peer.matchIndex)).toEqual(
      before.map((peer) => peer.matchIndex),
    );
  });
});

describe('changes on followers', () => {
  test('a learner becomes a follower when an appended configuration names it a voter', () => {
    const configuration = configurationOf(['n2'], ['n1']);
    const bench = new Bench('n1', restoredLog({ configuration }));
    heartbeat(bench, 1);
    expect(bench.core.role).toBe('learner');
    append(bench, 1, [1, 1], [configEntry(1, 2, configurationOf(['n1', 'n2']))]);
    expect(bench.core.role).toBe('follower');
    // The entry is lost to another leader: back to where it was (requirement 51).
    append(bench, 2, [1, 1], [2], 0, 'n3');
    expect(bench.core.role).toBe('learner');
  });
});

describe('clusters', () => {
  test('grow from three to five and lose the first three, one joint change', () => {
    const cluster = new Cluster({ seed: 3, voters: 3, spares: 2, delayMax: 2 });
    cluster.until('leader', 400, () => cluster.leader?.readyToServe === true);
    for (const id of ['n4', 'n5']) {
      const { configuration } = cluster.leader!.status();
      const next = withLearner(configuration, id, 'learn');
      cluster.act(cluster.leader!.id, (core) => core.changeConfiguration(next));
      cluster.until(`${id} caught up`, 100, () => cluster.node(id).applied > 2);
    }
    const wanted = configurationOf(['n4', 'n5']);
    cluster.act(cluster.leader!.id, (core) => core.changeConfiguration(wanted));
    cluster.until('new leader', 200, () => ['n4', 'n5'].includes(cluster.leader?.id ?? ''));
    for (const id of ['n1', 'n2', 'n3']) cluster.crash(cluster.node(id));
    const before = cluster.highestCommit;
    cluster.propose(cluster.node(cluster.leader!.id));
    cluster.until('commit', 100, () => cluster.highestCommit > before);
  });

  test('requirement 50: the published counter-example of 2015: two changes never overlap', () => {
    for (let seed = 0; seed < 40; seed++) {
      const cluster = new Cluster({ seed, voters: 4, spares: 1, delayMax: 3 });
      cluster.until('leader', 400, () => cluster.leader?.readyToServe === true);
      const first = cluster.leader!.id;
      cluster.isolate(first);
      const grown = configurationOf(['n1', 'n2', 'n3', 'n4', 'n5']);
      cluster.act(first, (core) => core.changeConfiguration(grown));
      cluster.run(15);
      cluster.until('second leader', 400, () => {
        const { leader } = cluster;
        return leader !== null && leader.id !== first && leader.readyToServe;
      });
      const { leader } = cluster;
      const less = without(leader!.status().configuration, first);
      cluster.act(leader!.id, (core) => core.changeConfiguration(less));
      cluster.run(20);
      cluster.heal();
      cluster.run(100);
      expect(cluster.leader?.status().configuration.voters).not.toContain(first);
    }
  });
});

test('who is removed by an entry that is not committed still stands for election', () => {
  // Only n1 holds the entry, and its log is ahead of those that must commit it (4.2.2).
  const removal = configEntry(2, 3, configurationOf(['n2', 'n3']));
  const restored = restoredLog({ configuration: three, terms: [2], commit: 2 });
  const node = new Bench('n1', {
    ...restored,
    entries: [...restored.entries, removal],
    configurations: [...restored.configurations, removal],
  });
  node.tick(20).sync();
  expect(node.core.role).toBe('pre-candidate');
  const grant = (from: string, preVote: boolean, requestTerm: number) =>
    node.step({ kind: 'vote-response', from, term: 2, preVote, granted: true, requestTerm }).sync();
  grant('n2', true, 3);
  // Its own vote does not count.
  expect(node.core.role).toBe('pre-candidate');
  grant('n3', true, 3);
  expect(node.core.role).toBe('candidate');
});
