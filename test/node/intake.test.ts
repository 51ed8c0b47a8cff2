import { describe, expect, it } from 'vitest';
import { keepsQuorum, memberOf } from '../../src/node/configuration-changes.js';
import { Intake } from '../../src/node/intake.js';
import type { PeerHello } from '../../src/ports.js';
import type { Message } from '../../src/raft/messages.js';
import type { Configuration, Member } from '../../src/raft/types.js';
import { ack, type Bench, configurationOf, leaderBench, three } from '../raft/support.js';
import { helloOf } from '../transport/peer-fixtures.js';

const cluster = 'cluster-1';

function hello(member: Member, changes: Partial<PeerHello> = {}): PeerHello {
  const { id, peerAddress, incarnation } = member;
  return { ...helloOf(id), peerAddress, incarnation, clusterId: cluster, ...changes };
}

const n4: Member = { id: 'n4', peerAddress: '10.0.0.4:1', incarnation: 'fresh' };

function intakeFor(configuration: Configuration): Intake {
  const intake = new Intake({ self: 'n1', clusterId: () => cluster, electionTicks: 10 });
  for (const member of configuration.members) {
    if (member.id !== 'n1' && member.incarnation !== '') intake.peerUp(hello(member));
  }
  return intake;
}

/** A leader whose peers have all answered just now. */
function leaderOf(configuration: Configuration): Bench {
  const bench = leaderBench(configuration);
  for (const id of configuration.learners) ack(bench, id, bench.core.lastLogIndex);
  return bench;
}

function fromPeer(from: string) {
  const both = { group: 1, from, to: 'n1', term: 2 };
  const append: Message = {
    ...both,
    kind: 'append-request',
    prevLogIndex: 1,
    prevLogTerm: 1,
    leaderCommit: 1,
    entries: [],
  };
  const hints = { hintIndex: 0, hintTerm: 0 };
  const acked: Message = { ...both, ...hints, kind: 'append-response', success: true, index: 1 };
  const granted: Message = {
    ...both,
    kind: 'vote-response',
    preVote: false,
    granted: true,
    requestTerm: 2,
  };
  return { append, acked, granted };
}

function withMember(member: Member): Configuration {
  const configuration = configurationOf(['n1', 'n2', 'n3'], [member.id]);
  const members = configuration.members.map((m) => (m.id === member.id ? member : m));
  return { ...configuration, members };
}

describe('Intake', () => {
  it('takes in who asks to join this cluster, as a learner', () => {
    const intake = intakeFor(three);
    const { core } = leaderOf(three);
    intake.peerUp(hello(n4, { joining: true, clusterId: null }));
    expect(intake.look(core, 1)).toBeNull();
    intake.peerUp(hello(n4));
    expect(intake.look(core, 2)).toBeNull();
    intake.peerUp(hello(n4, { joining: true }));
    const wanted = intake.look(core, 3)!;
    expect(wanted.voters).toEqual(three.voters);
    expect([wanted.learners, memberOf(wanted, 'n4')]).toEqual([['n4'], n4]);
  });

  it('follows a leader of a new directory, whose promises still count for nothing', () => {
    const intake = intakeFor(three);
    intake.peerUp(hello({ ...three.members[1]!, incarnation: 'fresh' }));
    const { append, acked, granted } = fromPeer('n2');
    expect(intake.believed(three, 'n2', [acked, append, granted])).toEqual([append]);
    expect(intake.believed(three, 'n3', [acked, append])).toEqual([acked, append]);
  });

  it('does not take in again by itself whom an operator removed', () => {
    const intake = intakeFor(three);
    intake.peerUp(hello(n4, { joining: true }));
    intake.decline('n4');
    expect(intake.look(leaderOf(three).core, 1)).toBeNull();
  });

  it('takes in nobody under the address of another member', () => {
    const intake = intakeFor(three);
    const [, other] = three.members;
    intake.peerUp(hello({ ...n4, peerAddress: other!.peerAddress }, { joining: true }));
    expect(intake.look(leaderOf(three).core, 1)).toBeNull();
  });

  it('binds a member that was added before it was seen to its directory', () => {
    const named = withMember({ ...n4, incarnation: '' });
    const intake = intakeFor(named);
    const { core } = leaderOf(named);
    expect(intake.look(core, 1)).toBeNull();
    intake.peerUp(hello(n4));
    expect(intake.isMember(named, 'n4')).toBe(false);
    expect(memberOf(intake.look(core, 2)!, 'n4')).toEqual(n4);
  });

  it('requirement 8: another directory of a voter becomes a learner, in one change', () => {
    const intake = intakeFor(three);
    const old = memberOf(three, 'n3')!;
    intake.peerUp(hello(old, { incarnation: 'other' }));
    const wanted = intake.look(leaderOf(three).core, 1)!;
    expect([wanted.voters, wanted.learners]).toEqual([['n1', 'n2'], ['n3']]);
    expect(memberOf(wanted, 'n3')).toEqual({ ...old, incarnation: 'other' });
  });

  it('who joins with the id of a member elsewhere does not take its place', () => {
    const intake = intakeFor(three);
    const stranger = { id: 'n3', peerAddress: '10.0.0.9:1', incarnation: 'other' };
    intake.peerUp(hello(stranger, { joining: true }));
    expect(intake.look(leaderOf(three).core, 1)).toBeNull();
  });

  it('requirement 52: promotes a learner that has caught up, unless it stays one', () => {
    for (const staysLearner of [false, true]) {
      const member = staysLearner ? { ...n4, staysLearner: true as const } : n4;
      const configuration = withMember(member);
      const intake = intakeFor(configuration);
      const { core } = leaderOf(configuration);
      expect(intake.look(core, 1)).toBeNull();
      const next = intake.look(core, 2);
      expect(intake.isCaughtUp('n4')).toBe(true);
      expect(next?.voters ?? null).toEqual(staysLearner ? null : ['n1', 'n2', 'n3', 'n4']);
    }
  });

  it('another directory of a learner that had caught up begins anew', () => {
    const before = withMember(n4);
    const intake = intakeFor(before);
    const { core } = leaderOf(before);
    intake.look(core, 1);
    intake.look(core, 2);
    expect(intake.isCaughtUp('n4')).toBe(true);
    intake.peerUp(hello(n4, { incarnation: 'other' }));
    const after = intake.look(core, 3)!;
    expect([memberOf(after, 'n4')?.incarnation, intake.isCaughtUp('n4')]).toEqual(['other', false]);
    const next = leaderOf(after).core;
    expect(intake.look(next, 4)).toBeNull();
    expect(intake.look(next, 5)?.voters).toContain('n4');
  });

  it('promotes nobody when the answering voters would be no majority', () => {
    const configuration = withMember(n4);
    const intake = intakeFor(configuration);
    const { core } = leaderOf(configuration);
    intake.look(core, 1);
    intake.peerDown('n2');
    expect(intake.look(core, 2)?.voters).toHaveLength(4);
    intake.peerDown('n3');
    expect(intake.look(core, 3)).toBeNull();
  });
});

describe('keepsQuorum', () => {
  it.each([
    [['n1', 'n2', 'n3'], ['n1', 'n2'], true],
    [['n1', 'n2', 'n3'], ['n1', 'n4'], false],
    [['n1', 'n2', 'n3', 'n4'], ['n1', 'n2'], false],
    [['n1'], ['n1'], true],
  ])('%j with %j answering: %s', (voters, answering, expected) => {
    expect(keepsQuorum(configurationOf(voters), new Set(answering))).toBe(expected);
  });
});
