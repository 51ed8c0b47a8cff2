/** Transfers between accounts by MULTI/EXEC: whoever reads all accounts at once sees their sum. */
import { type Client, type Outcome, outcomeOf, pause } from './client.js';
import {
  closeAll,
  makeClients,
  readEverywhere,
  type Workload,
  type WorkloadContext,
} from './workload.js';

const accountsCount = 5;
const initialBalance = 100;
const clientsCount = 5;
const prepareTriesMax = 200;

export function bank(context: WorkloadContext): Workload {
  const { random, phase } = context;
  const accounts = Array.from({ length: accountsCount }, (_, at) => `bank:${phase}:${at}`);
  const total = accountsCount * initialBalance;
  const wrong: string[] = [];
  // Its operations concern several keys: they are judged here and stay out of the history.
  const clients = makeClients(context, clientsCount);

  async function prepare(): Promise<void> {
    const balances = accounts.flatMap((account) => [account, String(initialBalance)]);
    for (let tries = 0; tries < prepareTriesMax; tries++) {
      const client = clients[tries % clients.length]!;
      if (!(await client.connect())) continue;
      if ((await client.exchange([['MSET', ...balances]])).kind === 'done') return;
      await pause(20);
    }
    throw new Error('the accounts could not be opened');
  }

  async function look(client: Client): Promise<void> {
    if (!(await client.connect())) return;
    const byTransaction = random.next() % 2 === 0;
    const gets = accounts.map((account) => ['GET', account]);
    const commands = byTransaction ? [['MULTI'], ...gets, ['EXEC']] : [['MGET', ...accounts]];
    judge(await client.exchange(commands), client.node);
  }

  function judge(outcome: Outcome, node: string): void {
    if (outcome.kind !== 'done') return;
    const balances = outcome.replies.at(-1);
    const sum = Array.isArray(balances) ? balances.reduce((s: number, b) => s + Number(b), 0) : 0;
    if (sum !== total) wrong.push(`bank: ${JSON.stringify(balances)} at ${node}, not ${total}`);
  }

  async function transfer(client: Client): Promise<void> {
    if (!(await client.connect())) return;
    const from = random.next() % accountsCount;
    const to = (from + 1 + (random.next() % (accountsCount - 1))) % accountsCount;
    const amount = String(1 + (random.next() % 10));
    const watched = random.next() % 2 === 0;
    const [giver, taker] = [accounts[from]!, accounts[to]!];
    if (watched) {
      const looked = await client.exchange([
        ['WATCH', giver],
        ['GET', giver],
      ]);
      if (looked.kind !== 'done') return;
      if (Number(looked.replies[1]) < Number(amount)) {
        await client.exchange([['UNWATCH']]);
        return;
      }
    }
    const commands = [['MULTI'], ['DECRBY', giver, amount], ['INCRBY', taker, amount], ['EXEC']];
    if (outcomeOf(await client.exchange(commands)).st === 'fail') await pause(20);
  }

  return {
    name: 'bank',
    prepare,
    steps: clients.map((client) => async () => {
      await (random.next() % 3 === 0 ? look(client) : transfer(client));
    }),
    finish: () => readEverywhere(context, look),
    check: async () => wrong,
    close: () => closeAll(clients),
  };
}
