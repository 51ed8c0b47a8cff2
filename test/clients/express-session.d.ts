/** What the tests use of express-session, which has no types of its own. */
declare module 'express-session' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  namespace session {
    interface SessionData {
      cookie?: { originalMaxAge: number | null };
      value?: string;
    }
    interface Session extends SessionData {
      save(done: (error?: Error) => void): void;
    }
    class Store {}
  }

  function session(options: {
    secret: string;
    resave: boolean;
    saveUninitialized: boolean;
    store: session.Store;
  }): (request: IncomingMessage, response: ServerResponse, next: (error?: Error) => void) => void;

  export = session;
}
