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
 * @property {string | undefined} code  what {@link codeIn} finds in the text
 */

/**
 * The first code in a text, without its spaces: 6 to 12 digits, together or in groups of at least three.
 *
 * @param {string} text
 */
export function codeIn(text) {
  const runs = text.match(/(?<![\d.:-])\d{3,12}(?: \d{3,6})*(?![\d.:-]*\d)/g) ?? [];
  return runs.map((run) => run.replaceAll(' ', '')).find(({ length }) => length >= 6 && length <= 12);
}

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
      code: codeIn(text),
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
