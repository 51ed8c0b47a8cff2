import { expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { digestOf } from '../../src/node/digest.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';
import { FakeClock } from './fake-clock.js';
import { settle } from './fake-drives.js';

it('digests that are asked for at once leave views for snapshots', async () => {
  const clock = new FakeClock();
  const machine = new StateMachine();
  const digests = Array.from({ length: 2 * limits.snapshotViewsMax }, () =>
    digestOf(machine, clock),
  );
  const snapshot = machine.openSnapshot();
  for (let turn = 0; turn < 200; turn++) {
    clock.turn();
    await settle();
  }
  snapshot.close();
  expect(new Set((await Promise.all(digests)).map(({ digest }) => digest)).size).toBe(1);
});
