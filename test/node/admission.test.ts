import { beforeEach, describe, expect, it } from 'vitest';
import { Admission } from '../../src/node/admission.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type { Args } from '../../src/resp/args.js';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { execSpec } from '../../src/statemachine/keyspace-commands.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';
import { TransactionBuilder } from '../../src/statemachine/transaction.js';
import { argsOf, specOf } from '../statemachine/words.js';
import { FakeClock } from './fake-clock.js';

const leader = {
  role: 'leader',
  leader: 'n1',
  transferring: false,
  uncommittedBytes: 0,
} as unknown as RaftCore;

let keyspace: Keyspace;
let usersKnown: boolean;
let admission: Admission;

beforeEach(() => {
  keyspace = new Keyspace();
  usersKnown = true;
  const machine = new StateMachine(keyspace);
  admission = new Admission({
    core: () => leader,
    machine: () => machine,
    isLoading: () => false,
    isHeld: () => false,
    forwards: () => false,
    usersKnown: () => usersKnown,
    readConsistency: () => 'linearizable',
    leaseValid: () => false,
    settings: { watch: () => () => '0' },
    clock: new FakeClock(),
  });
});

function exec(...commands: string[][]): Args {
  const transaction = new TransactionBuilder();
  for (const words of commands) transaction.queue(specOf(words[0]!), argsOf(...words));
  return transaction.build();
}

describe('a leader', () => {
  it('takes no write before it knows the users that leaders before it acknowledged', () => {
    usersKnown = false;
    expect(admission.write(specOf('set'), argsOf('set', 'k', 'v'))).toBe('overloaded');
    usersKnown = true;
    expect(admission.write(specOf('set'), argsOf('set', 'k', 'v'))).toBeNull();
  });

  it('takes nothing that may grow while memory is full, nor a transaction with it', () => {
    keyspace.configure({ maxmemory: 1, maxkeys: 0, policy: 'noeviction' });
    const args = argsOf('set', 'k', 'v');
    keyspace.configure({ maxmemory: 0, maxkeys: 0, policy: 'noeviction' });
    expect(admission.write(execSpec, exec(['set', 'k', 'v']))).toBeNull();
    fill();
    keyspace.configure({ maxmemory: 1, maxkeys: 0, policy: 'noeviction' });
    expect(admission.write(specOf('set'), args)).toBe('out-of-memory');
    expect(admission.write(specOf('del'), argsOf('del', 'k'))).toBeNull();
    expect(admission.write(execSpec, exec(['get', 'k'], ['set', 'k', 'v']))).toBe('out-of-memory');
    expect(admission.write(execSpec, exec(['get', 'k'], ['del', 'k']))).toBeNull();
  });

  function fill(): void {
    const key = Buffer.from('kv');
    keyspace.put(key, 0, 1, key, 1, 2, 0);
  }
});
