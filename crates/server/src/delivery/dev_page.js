'use strict';
{
  const list = document.getElementById('mails');
  const empty = document.getElementById('empty');
  const status = document.getElementById('status');
  const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

  /** An element with text and children. Text only: nothing in a message becomes markup. */
  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  async function copy(button, code) {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = 'Copied';
      status.textContent = 'The code was copied.';
    } catch {
      status.textContent = 'The browser did not allow copying. Select the code instead.';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
      status.textContent = '';
    }, 2000);
  }

  function codeLine(mail) {
    const groups = mail.code.length === 10 ? [mail.code.slice(0, 5), mail.code.slice(5)] : [mail.code];
    const output = element('output', {}, ...groups.map((group) => element('span', { textContent: group })));
    const button = element('button', { type: 'button', textContent: 'Copy' });
    button.setAttribute('aria-label', `Copy the code ${mail.code}`);
    button.addEventListener('click', () => copy(button, mail.code));
    return element('div', { className: 'code' }, output, button);
  }

  function item(mail) {
    const at = new Date(mail.at);
    const when = element('time', { dateTime: mail.at, title: mail.at, textContent: time.format(at) });
    const made = element(
      'li',
      {},
      element('h2', { textContent: mail.subject }),
      element('p', { className: 'meta' }, `To ${mail.to} · `, when),
    );
    if (mail.code) made.append(codeLine(mail));
    const text = element('pre', { textContent: mail.text });
    made.append(element('details', { open: !mail.code }, element('summary', { textContent: 'Message' }), text));
    made.dataset.key = key(mail);
    return made;
  }

  const key = (mail) => `${mail.id} ${mail.at}`;

  /** Adds what is new and takes away what is gone, so that focus stays and only new mail is read out. */
  function show(mails) {
    const keys = new Set(mails.map(key));
    for (const shown of [...list.children]) if (!keys.has(shown.dataset.key)) shown.remove();
    const known = new Set([...list.children].map((shown) => shown.dataset.key));
    for (const mail of [...mails].reverse()) if (!known.has(key(mail))) list.prepend(item(mail));
    empty.hidden = mails.length > 0;
  }

  let failing = false;
  async function refresh() {
    try {
      const answer = await fetch(location.href, { headers: { accept: 'application/json' }, cache: 'no-store' });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      show(await answer.json());
      if (failing) status.textContent = '';
      failing = false;
    } catch {
      failing = true;
      status.textContent = 'The server does not answer. Trying again…';
    }
    setTimeout(refresh, 1_500);
  }

  refresh();
}
