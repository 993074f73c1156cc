import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../output/', import.meta.url));

/**
 * The path of a file in `e2e/output/`.
 *
 * @param {string} name
 */
export async function outputFile(name) {
  await mkdir(FOLDER, { recursive: true });
  return join(FOLDER, name);
}

/**
 * Pictures of a page for people to look at, in `e2e/output/`: light, dark, and narrow as on a phone.
 * The page is left as it was.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} name  begins the file names
 * @param {(kind: string) => Promise<void>} [look]  what else is to be done with each view, once it is there
 * @returns {Promise<{light: string, dark: string, narrow: string}>} the files
 */
export async function takeScreenshots(page, name, look = async () => {}) {
  const size = page.viewportSize();
  /** @param {string} kind */
  const shoot = async (kind) => {
    const path = await outputFile(`${name}-${kind}.png`);
    await page.screenshot({ path, fullPage: true, animations: 'disabled' });
    await look(kind);
    return path;
  };
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const light = await shoot('light');
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await shoot('dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 360, height: 800 });
  const narrow = await shoot('narrow');
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (size) await page.setViewportSize(size);
  return { light, dark, narrow };
}
