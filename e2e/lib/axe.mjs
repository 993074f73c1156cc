import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const SCRIPT = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** Rules that axe leaves out unless they are asked for. */
const MORE = { 'label-content-name-mismatch': { enabled: true }, 'target-size': { enabled: true } };

/**
 * What is looked at in each view. Light and dark differ in colours alone, and narrow pages have the colours of light ones.
 *
 * @type {Record<string, import('axe-core').RunOptions>}
 */
const VIEWS = {
  light: { rules: MORE },
  dark: { runOnly: ['color-contrast'] },
  narrow: { rules: { ...MORE, 'color-contrast': { enabled: false } } },
};

/**
 * Has axe-core look at a page as it is now, and throws what it finds.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} state  what the page shows, for the message
 * @param {string} view   `light`, `dark` or `narrow`
 */
export async function audit(page, state, view = 'light') {
  // By way of the debugger: the policy of the pages allows no script from elsewhere.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(SCRIPT);
  const { violations } = await page.evaluate(
    (options) => /** @type {any} */ (globalThis).axe.run({ ...options, resultTypes: ['violations'] }),
    VIEWS[view],
  );
  const found = /** @type {import('axe-core').Result[]} */ (violations).map(({ id, help, nodes }) => {
    const places = nodes.map(({ target, failureSummary }) => `  ${target.join(' ')}\n    ${failureSummary}`);
    return `${id}: ${help}\n${places.join('\n')}`;
  });
  if (found.length > 0) throw new Error(`axe found faults in ${state} (${view}):\n${found.join('\n')}`);
}
