/** Closes a view of a large keyspace without standing in the way of the event loop. */
import type { Clock } from '../ports.js';
import type { StateView } from '../statemachine/state-machine.js';

export async function closeView(view: StateView, clock: Pick<Clock, 'nextTurn'>): Promise<void> {
  view.close();
  while (view.giveBack()) await new Promise<void>((resolve) => clock.nextTurn(resolve));
}
