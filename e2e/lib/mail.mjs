import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { within } from './wait.mjs';

/**
 * @typedef {object} Mail
 * @property {number} at     position in the order of arrival, from 1
 * @property {string} from   envelope sender
 * @property {string[]} to   envelope recipients, in lower case
 * @property {string} subject
 * @property {string} text
 * @property {string} html   empty when there is no HTML part
 * @property {string | undefined} code  the first number of 4 to 8 digits in the text
 */

/**
 * A mail server on a free port of this machine that accepts everything and sends nothing on.
 */
export async function startMail() {
  /** @type {Mail[]} */
  const mails = [];
  /** @type {Set<() => void>} */
  const watchers = new Set();

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 1000,
    onData(stream, session, done) {
      receive(stream, session).then(() => done(), done);
    },
  });

  /**
   * @param {import('node:stream').Readable} stream
   * @param {import('smtp-server').SMTPServerSession} session
   */
  async function receive(stream, session) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const parsed = await PostalMime.parse(Buffer.concat(chunks));
    const text = parsed.text ?? '';
    const { mailFrom, rcptTo } = session.envelope;
    mails.push({
      at: mails.length + 1,
      from: mailFrom ? mailFrom.address : '',
      to: rcptTo.map(({ address }) => address.toLowerCase()),
      subject: parsed.subject ?? '',
      text,
      html: parsed.html ?? '',
      code: text.match(/(?<!\d)\d{4,8}(?!\d)/)?.[0],
    });
    for (const look of watchers) look();
  }

  /** @type {Promise<void>} */
  const listening = new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  await listening;
  server.on('error', () => {}); // a client that hangs up is no failure of the test
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.server.address());

  return {
    port,
    /** For `stile dev --smtp-url`. */
    url: `smtp://127.0.0.1:${port}`,
    /** Everything that arrived so far, oldest first. */
    mails,

    /** The mark to give as `after`: mails that arrived up to now are older. */
    mark: () => mails.length,

    /**
     * The first mail to this address that arrived after the mark.
     *
     * @param {string} to
     * @param {number} [after]  from `mark()`; 0, the default, takes old mails too
     * @returns {Promise<Mail>}
     */
    async waitForMail(to, after = 0) {
      const find = () => mails.find((mail) => mail.at > after && mail.to.includes(to.toLowerCase()));
      let look = () => {};
      const arrived = new Promise((resolve) => {
        look = () => {
          const mail = find();
          if (mail) resolve(mail);
        };
        watchers.add(look);
        look();
      });
      const what = () =>
        `a mail to ${to}; so far: ${mails.map((m) => `${m.to} «${m.subject}»`).join(', ') || 'none'}`;
      try {
        return await within(arrived, what);
      } finally {
        watchers.delete(look);
      }
    },

    /** @returns {Promise<void>} */
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
